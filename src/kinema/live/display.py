"""Frames with the answer on them: in a video file, or in a window."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UsageError
from ..inference.annotate import drawn, laid_over
from ..media.writer import VideoWriter
from ..streams.images import fit
from .camera import opencv
from .items import Shot

# What a stream's recording is written at: sources that are slower repeat frames, faster ones lose some.
FPS = 25.0


class Display(ABC):
    """Shows every frame that was handled, with what is known at that moment."""

    def __init__(self) -> None:
        self._key: tuple[Any, ...] | None = None
        self._strip: np.ndarray | None = None

    def show(self, shot: Shot, name: str, score: float) -> None:
        """The next frame; `name` and `score` go on its lower edge, nothing where the name is empty."""
        picture = shot.picture
        if not name:
            self._frame(picture, shot.seconds)
            return
        key = (name, round(score, 2), picture.shape)
        if key != self._key:  # drawing text takes longer than laying it over
            self._key, self._strip = key, drawn(name, score, *picture.shape[:2])
        assert self._strip is not None
        self._frame(laid_over(picture, self._strip), shot.seconds)

    @abstractmethod
    def _frame(self, picture: np.ndarray, seconds: float) -> None:
        """Take a finished frame."""

    @abstractmethod
    def close(self) -> None:
        """Nothing follows."""


class Recording(Display):
    """A video file at a constant rate of 25 frames a second; it appears when it is closed."""

    def __init__(self, path: Path):
        super().__init__()
        self.path = path
        self._writer: VideoWriter | None = None
        self._count = 0
        self._held: np.ndarray | None = None

    def _frame(self, picture: np.ndarray, seconds: float) -> None:
        if self._writer is None:
            height, width = picture.shape[:2]
            self._writer = VideoWriter(self.path, fps=FPS, width=width, height=height, preset="veryfast")
            self._writer.__enter__()
        picture = fit(picture, (self._writer.height, self._writer.width), "stretch")
        self._until(round(seconds * FPS))
        self._held = picture

    def _until(self, due: int) -> None:
        """Each frame lasts until the next one is due."""
        while self._held is not None and self._count < due:
            assert self._writer is not None
            self._writer.write(self._held)
            self._count += 1

    def close(self) -> None:
        self._until(self._count + 1)
        if self._writer is not None:
            self._writer.__exit__(None)


class Window(Display):
    """A window of OpenCV's, where a display is there. Raises `UsageError` where there is none."""

    def __init__(self, title: str):
        super().__init__()
        self._title, self._opencv = title, opencv("--window")
        try:
            self._opencv.namedWindow(title)
        except self._opencv.error:
            raise UsageError(
                "--window finds no display, or an OpenCV without windows; use --annotate FILE instead"
            ) from None

    def _frame(self, picture: np.ndarray, seconds: float) -> None:
        self._opencv.imshow(self._title, picture[:, :, ::-1])
        self._opencv.waitKey(1)

    def close(self) -> None:
        self._opencv.destroyWindow(self._title)
