"""Pictures between the server and browsers: a video as they play it, a frame of one, and a webcam's JPEG."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from ..errors import MediaError
from ..inference.annotate import constant_rate, steady
from ..media.reader import VideoReader
from ..media.writer import VideoWriter
from .bounded import BoundedFile, check_size
from .limits import Limits

LINES = 480
FPS = 30.0


def write_preview(video: BoundedFile, out: Path) -> None:
    """Write `video` to `out` (.mp4): H.264, at most 480 lines, no sound. Raises `MediaError`, `WorkError`."""
    with VideoReader(video.path) as reader:
        info = reader.info
    scale = min(1.0, LINES / info.height)
    size = max(2, round(info.width * scale)), max(2, round(info.height * scale))
    fps = min(constant_rate(info.average_fps), FPS)
    with VideoWriter(out, fps=fps, width=size[0], height=size[1], preset="ultrafast", crf=28) as writer:
        for _, picture in steady(video.frames(), fps):
            writer.write(np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR)))


def written_picture(picture: np.ndarray, lines: int) -> bytes:
    """uint8 [H, W, 3] RGB as a JPEG of at most so many lines."""
    image = Image.fromarray(picture)
    if image.height > lines:
        size = max(1, round(image.width * lines / image.height)), lines
        image = image.resize(size, Image.Resampling.BILINEAR)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def read_picture(data: bytes, limits: Limits) -> np.ndarray:
    """A JPEG as uint8 [H, W, 3] RGB. Raises `MediaError` for anything else, `TooLarge`."""
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            check_size("the picture", *image.size, limits)
            return np.asarray(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise MediaError(f"a frame is not a JPEG ({error}); send JPEGs") from None
