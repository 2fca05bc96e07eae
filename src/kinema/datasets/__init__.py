"""Layouts on disk -> labelled records, their splits, and checks that keep a score honest."""

from .checks import check_trainable, find_duplicates, find_leaks
from .dataset import Dataset
from .layouts import LAYOUTS, load_dataset
from .splits import carve_validation, ensure_split

__all__ = [
    "LAYOUTS",
    "Dataset",
    "carve_validation",
    "check_trainable",
    "ensure_split",
    "find_duplicates",
    "find_leaks",
    "load_dataset",
]
