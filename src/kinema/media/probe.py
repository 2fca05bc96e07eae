"""The facts about a video file that `kinema scan` tells."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from .audio import AudioReader
from .container import content_digest
from .reader import VideoInfo, VideoReader

# -50 dB of full scale: below it a track is the noise of a coder or of an unused microphone input.
SILENT_PEAK = 10 ** (-50 / 20)


@dataclass(frozen=True, slots=True)
class VideoFacts(VideoInfo):
    """What a file holds. `num_frames` and `duration_seconds` are counted where `probe` was to be exact.

    `audio_silent` is None without a sound track. `damage` is None for a file that decodes cleanly, or was not
    decoded.
    """

    audio_silent: bool | None
    damage: str | None
    digest: str


def probe(path: str | Path, *, exact: bool = True) -> VideoFacts:
    """Look at one file; `exact` decodes all of it to count frames and to find damage.

    Raises `MediaError` where the file cannot be opened or has no decodable picture.
    """
    with VideoReader(path) as reader:
        info = reader.info
        if exact:
            times = reader.timestamps()
            duration = _duration(times, info.average_fps)
            info = replace(info, num_frames=len(times), duration_seconds=duration)
        return VideoFacts(
            **asdict(info),
            audio_silent=is_silent(path) if info.has_audio else None,
            damage=reader.damage,
            digest=content_digest(path),
        )


def is_silent(path: str | Path) -> bool:
    """Whether no sample of the sound track exceeds -50 dB of full scale; stops at the first that does."""
    with AudioReader(path) as reader:
        return all(np.abs(block).max() < SILENT_PEAK for block in reader.blocks(block_seconds=1.0))


def _duration(times: np.ndarray, fps: float | None) -> float:
    """Time of the last frame plus the interval for which it is shown."""
    if len(times) > 1:
        return float(times[-1] + np.median(np.diff(times)))
    return 1 / fps if fps else 0.0
