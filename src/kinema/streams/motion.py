"""How much a video moves from frame to frame: what adaptive sampling goes by, the same for every stream.

The measure is a part of the sampling's own settings: the mean displacement in pixels by its flow method on
frames stretched to 320x240, or the mean change of luma. So no stream's features depend on another stream.
"""

from typing import Any

import numpy as np

from ..atomic import atomic_open
from ..flow.methods import describe_method
from ..flow.tvl1_options import grey
from ..keys import fingerprint
from ..sampling.motion import motion_by_difference, motion_by_flow
from ..sampling.specs import Adaptive
from .base import Task
from .images import fit
from .tools import Tools

# (height, width): the paper's native video resolution.
MOTION_SIZE = (240, 320)


def describe_motion(spec: Adaptive) -> dict[str, Any]:
    """The measure as plain data, for fingerprints."""
    if spec.motion == "difference":
        return {"method": "difference", "version": 1}
    return {"size": MOTION_SIZE, **describe_method(spec.motion, weights=spec.weights)}


class MotionMeter:
    """Motion between consecutive frames, pushed one by one as uint8 [H, W, 3]."""

    def __init__(self, spec: Adaptive, tools: Tools):
        self._pairs = None
        if spec.motion != "difference":
            self._pairs = tools.flow(spec.motion, spec.weights).pairs()
        self._before: np.ndarray | None = None
        self._values: list[float] = []

    def push(self, frame: np.ndarray) -> None:
        """Take the next frame."""
        if self._pairs is not None:
            self.push_fields(self._pairs.push(fit(frame, MOTION_SIZE, "stretch")))
            return
        luma = grey(fit(frame, MOTION_SIZE, "stretch"))
        if self._before is not None:
            self._values += motion_by_difference([self._before, luma]).tolist()
        self._before = luma

    def push_fields(self, fields: list[np.ndarray]) -> None:
        """Take displacement fields [2, 240, 320] that were computed elsewhere by the same method."""
        self._values += motion_by_flow(fields).tolist()

    def finish(self) -> np.ndarray:
        """Motion float64 [N - 1] of the N frames pushed."""
        if self._pairs is not None:
            self.push_fields(self._pairs.finish())
        return np.asarray(self._values, dtype=np.float64)


def load_motion(spec: Adaptive, task: Task) -> np.ndarray | None:
    """The profile that another stream or stage left in the cache, or None."""
    path = _path(spec, task)
    return np.load(path, allow_pickle=False) if path is not None and path.exists() else None


def save_motion(spec: Adaptive, task: Task, motion: np.ndarray) -> None:
    """Leave a profile in the cache, where there is one."""
    path = _path(spec, task)
    if path is not None:
        with atomic_open(path, "wb") as file:
            np.save(file, motion)


def _path(spec: Adaptive, task: Task) -> Any:
    if task.cache is None or not task.key:
        return None
    measure = fingerprint({"motion": describe_motion(spec), "seconds": spec.seconds})
    return task.cache / "motion" / measure[:16] / f"{task.key}.npy"
