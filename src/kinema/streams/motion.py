"""How much a video moves from frame to frame, computed once and shared between streams."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from ..atomic import atomic_open
from ..flow.methods import load_method
from ..sampling.motion import motion_by_difference, motion_by_flow
from .images import fit
from .record import check_damage, open_record
from .source import Job, SourceConfig

# The size at which flow is computed for adaptive sampling: that of the motion CNN (height, width).
MOTION_SIZE = (240, 320)


def flow_frames(
    job: Job, method: str | None, seconds: float | None = None
) -> Iterator[tuple[float, np.ndarray]]:
    """(pts_seconds, frame) of every frame in the first `seconds`, as a flow method wants it.

    TV-L1 and frame differences see luma uint8 [H, W], learned methods RGB uint8 [H, W, 3].
    """
    pixel_format: Literal["gray8", "rgb24"] = "gray8" if method in (None, "tvl1") else "rgb24"
    with open_record(job.record) as reader:
        for frame in reader.read(pixel_format=pixel_format):
            if seconds is not None and frame.pts_seconds >= seconds:
                break
            yield frame.pts_seconds, frame.data
        check_damage(reader)


def motion_profile(job: Job, seconds: float, config: SourceConfig, *, threads: int = 1) -> np.ndarray:
    """Motion between consecutive frames of the first `seconds`, float64 [N - 1]; from the cache if there.

    With a flow method the mean displacement in pixels at 320x240, without one the mean luma difference.
    """
    method = config.method
    cached = _cache_path(job, seconds, method)
    if cached is not None and cached.exists():
        return np.load(cached, allow_pickle=False)
    if method is None:
        motion = motion_by_difference(frame for _, frame in flow_frames(job, None, seconds))
    else:
        frames = (fit(f, MOTION_SIZE, "stretch") for _, f in flow_frames(job, method, seconds))
        motion = motion_by_flow(load_method(method, threads=threads, **config.flow_options()).fields(frames))
    save_motion(job, seconds, method, motion)
    return motion


def save_motion(job: Job, seconds: float, method: str | None, motion: np.ndarray) -> None:
    """Put a profile into the cache, where there is one."""
    path = _cache_path(job, seconds, method)
    if path is None:
        return
    with atomic_open(path, "wb") as file:
        np.save(file, motion)


def _cache_path(job: Job, seconds: float, method: str | None) -> Path | None:
    if job.motion_cache is None:
        return None
    return job.motion_cache / f"{method or 'difference'}-{seconds:g}s" / f"{job.key}.npy"
