"""The real clips that the tests of a browser use."""

from pathlib import Path

CLASSES = ("Archery", "PlayingPiano", "Surfing")


def clips_of(root: Path, label: str) -> list[Path]:
    """Clips of one class, by group: the first group is kept for the tests."""
    return sorted((root / "videos" / label).glob("*.avi"))
