"""A synthetic benchmark of mechanism: figures whose classes only pose, order or sound separates."""

from .actions import CLASSES, SyntheticClass
from .clip import ClipSettings, SyntheticClip
from .generate import make_synthetic

__all__ = ["CLASSES", "ClipSettings", "SyntheticClass", "SyntheticClip", "make_synthetic"]
