"""How much a video moves from frame to frame: what adaptive sampling goes by, the same for every stream.

The measure is a part of the sampling's own settings: the mean displacement in pixels by its flow method on
frames stretched to 320x240, or the mean change of luma. So no stream's features depend on another stream.
"""

from pathlib import Path
from typing import Any

import numpy as np

from ..atomic import atomic_open
from ..flow.methods import describe_method
from ..flow.tvl1_options import grey
from ..keys import fingerprint
from ..sampling.motion import motion_by_difference, motion_by_flow
from ..sampling.specs import Adaptive
from .base import Task, Tools
from .images import fit

# (height, width): the paper's native video resolution.
MOTION_SIZE = (240, 320)


def describe_motion(spec: Adaptive) -> dict[str, Any]:
    """The measure as plain data, for fingerprints."""
    if spec.motion == "difference":
        return {"method": "difference", "version": 1}
    return {"size": MOTION_SIZE, **describe_method(spec.motion, weights=spec.weights)}


class MotionProfile:
    """The motion of one video: what another stream or stage left in the cache, or measured and left there.

    `values` is float64 [N - 1] of N frames, None until it is known; `missing` says that it must be measured,
    which without `spec` is never so. With `by_fields` it is measured on the fields that the stream itself
    computes, else on its frames.
    """

    def __init__(self, spec: Adaptive | None, task: Task, tools: Tools, *, by_fields: bool = False):
        self.values: np.ndarray | None = None
        self._path: Path | None = None
        if spec is not None and task.cache is not None and task.key:
            measure = fingerprint({"motion": describe_motion(spec), "seconds": spec.seconds})
            self._path = task.cache / "motion" / measure[:16] / f"{task.key}.npy"
        if self._path is not None and self._path.exists():
            self.values = np.load(self._path, allow_pickle=False)
        self.missing = spec is not None and self.values is None
        self._by_fields = by_fields
        self._pairs = None
        if spec is not None and self.missing and not by_fields and spec.motion != "difference":
            self._pairs = tools.flow(spec.motion, spec.weights).pairs()
        self._before: np.ndarray | None = None
        self._found: list[float] = []

    def push(self, frame: np.ndarray) -> None:
        """Take the next frame, uint8 [H, W, 3]."""
        if not self.missing or self._by_fields:
            return
        frame = fit(frame, MOTION_SIZE, "stretch")
        if self._pairs is not None:
            self._found += motion_by_flow(self._pairs.push(frame)).tolist()
            return
        luma = grey(frame)
        if self._before is not None:
            self._found += motion_by_difference([self._before, luma]).tolist()
        self._before = luma

    def push_field(self, field: np.ndarray) -> None:
        """Take the next field [2, 240, 320] that the stream has computed."""
        if self.missing and self._by_fields:
            self._found += motion_by_flow([field]).tolist()

    def finish(self) -> None:
        """End what is measured, and leave it in the cache where there is one."""
        if not self.missing:
            return
        if self._pairs is not None:
            self._found += motion_by_flow(self._pairs.finish()).tolist()
        self.values = np.asarray(self._found, dtype=np.float64)
        if self._path is not None:
            with atomic_open(self._path, "wb") as file:
                np.save(file, self.values)
