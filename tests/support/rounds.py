"""One round of made-up records."""

from __future__ import annotations

from pathlib import Path

from kinema.datasets import Dataset
from kinema.evaluation.rounds import Round
from kinema.types import VideoRecord


def one_round(part: str = "split 1", seed: int = 0, labels: str = "abcd", tested: int = 3) -> Round:
    """Four clips of each class in each of ten groups, the first `tested` of them to test on."""
    records = [
        VideoRecord(Path(f"{label}_g{g:02d}_{c}.mp4"), label, f"g{g:02d}", "test" if g < tested else "train")
        for label in labels for g in range(10) for c in range(4)
    ]  # fmt: skip
    return Round(part, Dataset("folder", Path(), tuple(labels), tuple(records)), seed)
