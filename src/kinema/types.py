"""Data that carries its time and checks itself: records, frames, sound, features, predictions."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what only names files need not load it
    import numpy as np

SPLITS = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class VideoRecord:
    """One labelled piece of video: a whole file, or a part in seconds or as a half-open range of frames.

    `name` is the file's path relative to the data folder (POSIX separators), the name shown to people.
    `content` is the digest of the file where it is known: two files of one content are copies.
    """

    path: Path
    label: str | None = None
    group: str | None = None
    split: str | None = None
    start_seconds: float | None = None
    end_seconds: float | None = None
    frames: tuple[int, int] | None = None
    name: str = ""
    content: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", self.path.name)
        if self.split is not None and self.split not in SPLITS:
            raise ValueError(f"split must be one of {SPLITS}, got {self.split!r}")
        if self.frames is not None:
            if self.start_seconds is not None or self.end_seconds is not None:
                raise ValueError("a part is given in seconds or in frames, not both")
            if not 0 <= self.frames[0] < self.frames[1]:
                raise ValueError(f"frame range must be 0 <= start < stop, got {self.frames}")
        start, end = self.start_seconds or 0.0, self.end_seconds
        if start < 0 or (end is not None and end <= start):
            raise ValueError(f"seconds must satisfy 0 <= start < end, got {start}, {end}")

    @property
    def part(self) -> str:
        """The part of the file as text, empty for a whole file; unique per (file, part)."""
        if self.frames is not None:
            return f"frames {self.frames[0]}-{self.frames[1]}"
        if self.start_seconds is not None or self.end_seconds is not None:
            end = "" if self.end_seconds is None else f"{self.end_seconds:g}"
            return f"seconds {self.start_seconds or 0:g}-{end}"
        return ""

    def overlaps(self, other: VideoRecord) -> bool:
        """Whether both parts, taken as parts of one file, share a moment; of seconds and frames, they may."""
        if (self.frames is None) != (other.frames is None):
            return True
        mine, its = self._span, other._span
        return mine[0] < its[1] and its[0] < mine[1]

    @property
    def _span(self) -> tuple[float, float]:
        if self.frames is not None:
            return self.frames
        return self.start_seconds or 0.0, math.inf if self.end_seconds is None else self.end_seconds

    @property
    def id(self) -> str:
        """`name`, with the part appended where there is one."""
        return f"{self.name}#{self.part.replace(' ', '=')}" if self.part else self.name


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded frame: uint8 [H, W, 3] (RGB) or [H, W] (luma), its 0-based index and its time."""

    index: int
    pts_seconds: float
    data: np.ndarray


@dataclass(frozen=True, slots=True)
class Clip:
    """What a backbone is given for one step of the sequence.

    `inputs` holds one array per backbone of the stream, in recipe order, without batch axis:
    a frame uint8 [H, W, 3], a clip uint8 [L, H, W, 3], flow float32 [L, H, W, 2],
    a flow stack float32 [H, W, 2L], or a log-mel example float32 [96, 64].
    """

    pts_seconds: float
    inputs: tuple[np.ndarray, ...]


@dataclass(frozen=True, slots=True)
class FeatureSequence:
    """One stream of one video: `data` float32 [T, D], `pts_seconds` float64 [T].

    `present` is False where the video has nothing for this stream (no sound track): T is then 0.
    """

    data: np.ndarray
    pts_seconds: np.ndarray
    present: bool = True

    def __post_init__(self) -> None:
        if self.data.ndim != 2 or self.data.dtype != "float32":
            raise ValueError(f"features must be float32 [T, D], got {self.data.dtype} {self.data.shape}")
        if self.pts_seconds.shape != (len(self.data),):
            raise ValueError("one pts_seconds per feature is needed")
        if self.present != bool(len(self.data)):
            raise ValueError("a present sequence has at least one step, an absent one has none")

    def __len__(self) -> int:
        return len(self.data)


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a video in which a class is on: half open, in seconds of the file's time.

    Marked by an `annotator` (empty where there is one alone), or found by a model with a `score`.
    `end_seconds` may be infinite, for the end of the file.
    """

    label: str
    start_seconds: float
    end_seconds: float
    score: float | None = None
    annotator: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.start_seconds < self.end_seconds:
            raise ValueError(
                f"seconds must be 0 <= start < end, got {self.start_seconds}, {self.end_seconds}"
            )

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.end_seconds - self.start_seconds

    def overlap(self, other: Segment) -> float:
        """Intersection over union of both in time, whatever their labels."""
        shared = min(self.end_seconds, other.end_seconds) - max(self.start_seconds, other.start_seconds)
        return max(shared, 0.0) / (self.seconds + other.seconds - max(shared, 0.0))


@dataclass(frozen=True, slots=True)
class Prediction:
    """Class scores of one video or of one stretch of it. `scores` float32 [C], in label order."""

    path: Path
    labels: tuple[str, ...]
    scores: np.ndarray = field(repr=False)
    start_seconds: float | None = None
    end_seconds: float | None = None

    def __post_init__(self) -> None:
        if self.scores.shape != (len(self.labels),):
            raise ValueError("one score per label is needed")

    def top(self, k: int = 1) -> list[tuple[str, float]]:
        """The k best (label, score) pairs, best first; ties go to the earlier label."""
        order = (-self.scores).argsort(kind="stable")[:k]
        return [(self.labels[i], float(self.scores[i])) for i in order]

    @property
    def label(self) -> str:
        """The best label."""
        return self.top(1)[0][0]

    @property
    def score(self) -> float:
        """The score of the best label."""
        return self.top(1)[0][1]

    def __repr__(self) -> str:
        when = "" if self.start_seconds is None else f" {self.start_seconds:.2f} to {self.end_seconds:.2f} s"
        best = ", ".join(f"{label} {score:.3f}" for label, score in self.top(3))
        rest = ", ..." if len(self.labels) > 3 else ""
        return f"<Prediction of {self.path.name}{when}: {best}{rest}>"
