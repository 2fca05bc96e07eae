"""Video files that lose nothing, so that a stretch cut out of one decodes to the same pictures and sound."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

SAMPLE_RATE = 16000


def write_lossless(
    path: Path, frames: Iterable[np.ndarray], fps: int, sound: np.ndarray | None = None
) -> Path:
    """Matroska with FFV1 pictures (RGB uint8 [H, W, 3]) and PCM sound (int16 [n] at 16 kHz)."""
    with av.open(str(path), "w", format="matroska") as container:
        video = container.add_stream("ffv1", rate=fps)
        video.pix_fmt = "bgr0"
        audio = (
            container.add_stream("pcm_s16le", rate=SAMPLE_RATE, layout="mono") if sound is not None else None
        )
        for number, frame in enumerate(frames):
            if number == 0:
                video.height, video.width = frame.shape[:2]
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            picture.pts, picture.time_base = number, Fraction(1, fps)
            container.mux(video.encode(picture))
            if audio is not None and sound is not None:
                step = SAMPLE_RATE // fps
                _sound(container, audio, sound[number * step : (number + 1) * step], number * step)
        container.mux(video.encode(None))
        if audio is not None:
            container.mux(audio.encode(None))
    return path


def _sound(container, stream, samples: np.ndarray, start: int) -> None:
    if len(samples):
        block = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        block.sample_rate, block.pts, block.time_base = SAMPLE_RATE, start, Fraction(1, SAMPLE_RATE)
        container.mux(stream.encode(block))
