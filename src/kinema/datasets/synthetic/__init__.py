"""A synthetic set for testing mechanisms: its classes differ in pose, in temporal order or in sound alone."""

from .actions import CLASSES, SyntheticClass
from .clip import ClipSettings, SyntheticClip
from .generate import make_synthetic
from .generate_long import make_long

__all__ = ["CLASSES", "ClipSettings", "SyntheticClass", "SyntheticClip", "make_long", "make_synthetic"]
