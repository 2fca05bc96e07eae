"""Frames of one video side by side in one small image."""

import io
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ..errors import MediaError
from ..media.reader import VideoReader
from ..types import Frame
from .data import FilmStrip

_GAP = 3  # px between frames, black like the film's own bars


def spread(count: int, wanted: int = 6) -> list[int]:
    """At most `wanted` of the numbers 0 to `count` - 1, such as steps of a sequence, evenly spread."""
    return np.linspace(0, count - 1, min(wanted, count)).round().astype(int).tolist()


def strip_from_frames(frames: Iterable[Frame], times: Sequence[float], height: int = 108) -> FilmStrip:
    """A film strip of the frames nearest to `times` (seconds, ascending).

    `frames` come in order of time and are read once; only the chosen ones are kept, scaled to `height`
    pixels. Luma frames [H, W] are shown in grey. Fewer frames than times: the nearest is shown again.
    Raises MediaError where there is no frame or no time.
    """
    cells: list[tuple[float, Image.Image]] = []
    previous: Frame | None = None
    for frame in frames:
        for time in times[len(cells) :]:
            if previous is None or abs(frame.pts_seconds - time) <= abs(previous.pts_seconds - time):
                break
            cells.append(_cell(previous, height))  # now that `frame` comes next, it is the nearest
        previous = frame
        if len(cells) == len(times):
            break
    if previous is None or not len(times):
        raise MediaError("the video has no frame to show; run `kinema scan` to see what is wrong with it")
    last = [_cell(previous, height)] * (len(times) - len(cells))
    return _join(cells + last, height)


def _cell(frame: Frame, height: int) -> tuple[float, Image.Image]:
    data = np.ascontiguousarray(frame.data)
    image = Image.fromarray(data).convert("RGB")
    width = max(1, min(4 * height, round(image.width * height / image.height)))
    return frame.pts_seconds, image.resize((width, height), Image.Resampling.LANCZOS)


def _join(cells: Sequence[tuple[float, Image.Image]], height: int) -> FilmStrip:
    """All cells as wide as the first: a video that changes its frame size is fitted into it."""
    width = cells[0][1].width
    sheet = Image.new("RGB", (len(cells) * (width + _GAP), height))
    for step, (_, image) in enumerate(cells):
        fitted = image if image.width == width else image.resize((width, height))
        sheet.paste(fitted, (step * (width + _GAP) + _GAP // 2, 0))
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=80, optimize=True)
    times = tuple(float(time) for time, _ in cells)
    return FilmStrip(buffer.getvalue(), times, sheet.width, sheet.height)


def film_strip(
    path: Path,
    times: Sequence[float],
    height: int = 108,
    *,
    start_seconds: float | None = None,
    end_seconds: float | None = None,
    frames: tuple[int, int] | None = None,
) -> FilmStrip:
    """A film strip of the file at `path`, or of a part of it: the frames nearest to `times`.

    `times` are ascending seconds, counted from the part's start. Decoding stops after the last of them,
    and only frames close to one of them are converted. Raises MediaError where the file cannot be read.
    """
    with VideoReader(path, start_seconds=start_seconds, end_seconds=end_seconds, frames=frames) as reader:
        gap = 1.0 / (reader.info.average_fps or 25.0)
        return strip_from_frames(reader.read(_Around(times, gap)), times, height)


class _Around:
    """Wants the frames up to `gap` seconds before each time, the first at or after it, all after the last.

    A frame after the last time shows that the nearest one has passed, so that reading can stop. The first
    frame is always wanted, so that there is one even if every time lies past the end.
    """

    def __init__(self, times: Sequence[float], gap: float):
        self._left, self._gap = deque(times), gap

    def __call__(self, index: int, seconds: float) -> bool:
        wanted = index == 0 or not self._left or seconds >= self._left[0] - self._gap
        while self._left and seconds >= self._left[0]:
            self._left.popleft()
        return wanted
