"""Optical flow of a stream of frames: as a generator for files, frame by frame for live use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UsageError
from .methods import check_method, field_stream
from .tvl1_options import Tvl1Options, check_frames


def flow_fields(
    frames: Iterable[np.ndarray],
    method: str = "tvl1",
    *,
    threads: int | None = None,
    weights_dir: str | Path | None = None,
    **options: Any,
) -> Iterator[np.ndarray]:
    """Fields float32 [2, H, W] in pixels between consecutive frames, uint8 [H, W] or [H, W, 3], in order.

    One frame gives none. Constant memory. `options` as in `kinema.flow.methods.field_stream`.
    """
    return field_stream(method, weights_dir, threads=threads, **options)(frames)


class StreamingFlow:
    """One frame in, one field out: what is known of the previous frame is kept.

    With `warm_start` (TV-L1 only) the previous field is where the search begins, and only the finest
    `warm_scales` levels of the pyramid are visited: faster on smooth motion, and no longer the same as
    the field that the two frames give by themselves.
    """

    def __init__(
        self, method: str = "tvl1", *, warm_start: bool = False, warm_scales: int = 2, **options: Any
    ) -> None:
        check_method(method)
        if warm_start and method != "tvl1":
            raise UsageError(f"warm_start is for tvl1, {method} has none; leave it out")
        self.method = method
        self._warm_start, self._warm_scales = warm_start, warm_scales
        self._tvl1 = Tvl1Options(**options) if method == "tvl1" else None
        self._fields = None if method == "tvl1" else field_stream(method, **options)
        self.reset()

    def reset(self) -> None:
        """Forget the past: the next frame begins a new video."""
        self._frame: np.ndarray | None = None
        self._pyramid: Any = None
        self._field: np.ndarray | None = None

    def push(self, frame: np.ndarray) -> np.ndarray | None:
        """Take one frame, uint8 [H, W] or [H, W, 3]; the field float32 [2, H, W] from the one before.

        None for the first frame, and for one whose size differs from that before: the stream begins anew.
        """
        if self._frame is not None and self._frame.shape[:2] != frame.shape[:2]:
            self.reset()
        field = self._learned(frame) if self._tvl1 is None else self._by_tvl1(frame, self._tvl1)
        self._frame, self._field = frame, field
        return field

    def _learned(self, frame: np.ndarray) -> np.ndarray | None:
        if self._frame is None or self._fields is None:
            return None
        return next(self._fields([self._frame, frame]))

    def _by_tvl1(self, frame: np.ndarray, options: Tvl1Options) -> np.ndarray | None:
        from .tvl1_numba import Pyramid, pair_field

        pyramid = Pyramid(check_frames(frame[None])[0], options)
        before, self._pyramid = self._pyramid, pyramid
        if before is None:
            return None
        if not self._warm_start or self._field is None:
            return pair_field(before, pyramid, options)
        return pair_field(before, pyramid, options, self._field, levels=self._warm_scales)
