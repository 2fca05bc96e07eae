"""How much a video moves from frame to frame, computed once and shared between streams."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..atomic import atomic_open
from ..errors import MediaError
from ..flow.streaming import flow_fields
from ..sampling.motion import motion_by_difference, motion_by_flow
from .images import fit
from .record import open_record
from .source import Job

# The size at which flow is computed for adaptive sampling: that of the motion CNN (height, width).
MOTION_SIZE = (240, 320)


def luma_frames(
    job: Job, size: tuple[int, int] | None, seconds: float | None = None
) -> Iterator[tuple[float, np.ndarray]]:
    """(pts_seconds, luma uint8 [H, W]) of every frame in the first `seconds`, resized to `size`."""
    with open_record(job.record) as reader:
        for frame in reader.read(pixel_format="gray8"):
            if seconds is not None and frame.pts_seconds >= seconds:
                return
            yield frame.pts_seconds, frame.data if size is None else fit(frame.data, size, "stretch")
        if reader.damage:
            raise MediaError(reader.damage)


def motion_profile(job: Job, seconds: float, method: str | None, *, threads: int = 1) -> np.ndarray:
    """Motion between consecutive frames of the first `seconds`, float64 [N - 1]; from the cache if there.

    With a flow `method` the mean displacement in pixels at 320x240, without one the mean luma difference.
    """
    cached = _cache_path(job, seconds, method)
    if cached is not None and cached.exists():
        return np.load(cached, allow_pickle=False)
    if method is None:
        motion = motion_by_difference(frame for _, frame in luma_frames(job, None, seconds))
    else:
        frames = (frame for _, frame in luma_frames(job, MOTION_SIZE, seconds))
        motion = motion_by_flow(flow_fields(frames, method, threads=threads))
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
