"""A video with its answer on it: the label and a bar of its score on every frame."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..errors import UsageError
from ..media.clock import USUAL_FPS
from ..media.reader import VideoReader
from ..media.writer import VideoWriter
from ..types import Frame, Prediction

ENDINGS = (".mp4", ".mkv", ".mov", ".avi")
_HIGHEST_FPS = 120.0
_BACKGROUND, _TEXT, _BAR, _TROUGH = (20, 20, 20), (255, 255, 255), (80, 190, 255), (70, 70, 70)
_OPACITY = 0.75


def write_annotated(
    video: str | Path,
    out: str | Path,
    found: Sequence[Prediction],
    *,
    min_score: float = 0.0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Write `video` to `out` with its answer on a strip along the lower edge; the number of frames written.

    found: one prediction of the whole video, or segments, of which each frame shows its own, or nothing in a
    gap. A best score below `min_score` shows as unknown. The size stays, the frame rate is constant and the
    sound is left out. Raises `UsageError` for an ending that is no video's, `MediaError`, `WorkError`.
    """
    check_ending(out)
    with VideoReader(video) as reader:
        info = reader.info
        fps = constant_rate(info.average_fps)
        strips = [_Strip(one, info.height, info.width, min_score) for one in found]
        with VideoWriter(out, fps=fps, width=info.width, height=info.height) as writer:
            count = 0
            for seconds, picture in steady(reader.read(), fps):
                strip = next((s for s in strips if s.shows(seconds)), None)
                writer.write(picture if strip is None else laid_over(picture, strip.pixels))
                count += 1
                progress(count, max(count, info.num_frames or 0))
    return count


def check_ending(out: str | Path) -> None:
    """Raise `UsageError` unless the file's ending is one that an annotated video can have."""
    if Path(out).suffix.lower() not in ENDINGS:
        raise UsageError(f"cannot write a video to '{Path(out).name}'; give it one of {', '.join(ENDINGS)}")


def constant_rate(average_fps: float | None) -> float:
    """Frames per second to write at: the header's, where it is one that players take."""
    return average_fps if average_fps and 1 <= average_fps <= _HIGHEST_FPS else USUAL_FPS


def steady(frames: Iterable[Frame], fps: float) -> Iterator[tuple[float, np.ndarray]]:
    """Time in seconds and picture at a constant rate: each frame lasts until the next one is due."""
    count, held = 0, None
    for frame in frames:
        due = round(frame.pts_seconds * fps)
        while held is not None and count < due:
            yield count / fps, held
            count += 1
        held = frame.data
    if held is not None:
        yield count / fps, held


class _Strip:
    """What is laid over the lower edge while one prediction holds: its pixels uint8 [S, W, 3]."""

    def __init__(self, prediction: Prediction, height: int, width: int, min_score: float):
        self.start = prediction.start_seconds or 0.0
        self.end = prediction.end_seconds
        name = prediction.label if prediction.score >= min_score else "unknown"
        self.pixels = drawn(name, prediction.score, height, width)

    def shows(self, seconds: float) -> bool:
        return self.start <= seconds and (self.end is None or seconds < self.end)


def drawn(name: str, score: float, height: int, width: int) -> np.ndarray:
    """A strip uint8 [S, W, 3] with a name and a bar of its score, for frames of this size in pixels."""
    size = max(10, height // 16)
    tall = min(2 * size, height)
    image = Image.new("RGB", (width, tall), _BACKGROUND)
    draw, font = ImageDraw.Draw(image), _font(size)
    margin, bar = max(2, size // 3), max(2, size // 4)
    text, value = " ".join(name.split()), f" {score:.2f}"
    while text and draw.textlength(text + value, font) > width - 2 * margin:
        text = text[:-2] + "…" if len(text) > 2 else ""
    draw.text((margin, (tall - bar) / 2), text + value, _TEXT, font, anchor="lm")
    draw.rectangle((0, tall - bar, width, tall), _TROUGH)
    draw.rectangle((0, tall - bar, round(width * min(max(score, 0.0), 1.0)), tall), _BAR)
    return np.asarray(image)


def _font(size: int) -> Any:
    """A font of many scripts where the system has one, else Pillow's own."""
    try:
        return ImageFont.truetype("DejaVuSans.ttf", size)
    except OSError:
        return ImageFont.load_default(size)


def laid_over(picture: np.ndarray, strip: np.ndarray) -> np.ndarray:
    """A copy of the picture uint8 [H, W, 3] with the strip on its lower edge."""
    done, tall = picture.copy(), len(strip)
    under = done[-tall:].astype(np.float32)
    done[-tall:] = (_OPACITY * strip + (1 - _OPACITY) * under).round().astype(np.uint8)
    return done
