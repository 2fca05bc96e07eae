"""A video as browsers play it: H.264 in MP4, at most 480 lines, without sound."""

from pathlib import Path

import numpy as np
from PIL import Image

from ..inference.annotate import constant_rate, steady
from ..media.reader import VideoReader
from ..media.writer import VideoWriter
from .bounded import BoundedFile

LINES = 480
FPS = 30.0


def write_preview(video: BoundedFile, out: Path) -> None:
    """Write `video` to `out` (.mp4). Raises `MediaError`, `WorkError`."""
    with VideoReader(video.path) as reader:
        info = reader.info
    scale = min(1.0, LINES / info.height)
    size = max(2, round(info.width * scale)), max(2, round(info.height * scale))
    fps = min(constant_rate(info.average_fps), FPS)
    with VideoWriter(out, fps=fps, width=size[0], height=size[1], preset="ultrafast", crf=28) as writer:
        for _, picture in steady(video.frames(), fps):
            writer.write(np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR)))
