"""Layouts on disk -> labelled records, their splits, and checks that keep a score honest."""

from .checks import check_trainable, find_duplicates, find_leaks
from .dataset import Dataset
from .layouts import LAYOUTS, load_dataset, official_splits
from .splits import (
    carve_validation,
    ensure_split,
    group_folds,
    infer_group,
    leave_one_group_out,
    merge_validation,
    split_by_group,
    split_people,
    split_randomly,
)

__all__ = [
    "LAYOUTS",
    "Dataset",
    "carve_validation",
    "check_trainable",
    "ensure_split",
    "find_duplicates",
    "find_leaks",
    "group_folds",
    "infer_group",
    "leave_one_group_out",
    "load_dataset",
    "merge_validation",
    "official_splits",
    "split_by_group",
    "split_people",
    "split_randomly",
]
