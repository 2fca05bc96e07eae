"""TV-L1 optical flow on the processor: Zach, Pock and Bischof (DAGM 2007), as refined by Sánchez Pérez,
Meinhardt-Llopis and Facciolo (IPOL 2013, doi:10.5201/ipol.2013.26), with OpenCV's defaults.
"""

import os
import threading
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import UsageError
from .pairs import Pairs
from .tvl1_kernels import LANES, PLANES, resized, solve_level, with_gradients
from .tvl1_options import Tvl1Options, check_frames, luma

_CACHE_LINE = 64
_scratch = threading.local()


def tvl1(
    frames: np.ndarray,
    options: Tvl1Options | None = None,
    *,
    threads: int | None = None,
    initial: np.ndarray | None = None,
    **changes: Any,
) -> np.ndarray:
    """Displacement between consecutive frames, by TV-L1.

    frames: uint8 [T, H, W] (grey) or [T, H, W, 3] (RGB). Returns float32 [T - 1, 2, H, W] in pixels:
    channel 0 to the right, channel 1 down; frame[t][y, x] reappears near
    frame[t + 1][y + field[1], x + field[0]]. One frame gives zero fields.
    options, or single options by name (`warps=3`): see `Tvl1Options`. initial: float32 [T - 1, 2, H, W],
    fields to start from instead of zero. threads: pairs in flight at once, all cores by default; the
    result does not depend on it. Raises `UsageError`.
    """
    options = replace(options or Tvl1Options(), **changes)
    grey = check_frames(frames)
    if len(grey) == 0:
        raise UsageError("optical flow needs frames, got none; give at least one")
    out = np.empty((len(grey) - 1, 2, *grey.shape[1:]), np.float32)
    if initial is not None and np.shape(initial) != out.shape:
        raise UsageError(f"initial fields must be {list(out.shape)}, got {list(np.shape(initial))}")
    workers = threads or os.cpu_count() or 1
    with ThreadPoolExecutor(workers, thread_name_prefix="tvl1") as pool:
        pairs = Tvl1Pairs(options, pool if workers > 1 else None, workers, initial)
        for t, field in enumerate(pairs.fields(grey)):
            out[t] = field
    return out


class Tvl1Pairs(Pairs):
    """TV-L1 along one video; each frame's pyramid serves both of its pairs.

    Without `pool` each frame gives its field at once. With it up to `threads` pairs are in flight; the fields
    are the same. `initial` gives the field from which the search of each pair begins.
    """

    def __init__(
        self,
        options: Tvl1Options,
        pool: ThreadPoolExecutor | None = None,
        threads: int = 1,
        initial: Iterable[np.ndarray] | None = None,
    ) -> None:
        super().__init__()
        self._options, self._pool, self._threads = options, pool, threads
        self._starts = None if initial is None else iter(initial)
        self._last: Pyramid | None = None
        self._waiting: deque[Future[np.ndarray]] = deque()

    def finish(self) -> list[np.ndarray]:
        """The fields still in flight."""
        return [self._waiting.popleft().result() for _ in range(len(self._waiting))]

    def _add(self, frame: np.ndarray) -> list[np.ndarray]:
        first, self._last = self._last, Pyramid(luma(frame), self._options)
        if first is None:
            return []
        pair = first, self._last, self._options, None if self._starts is None else next(self._starts)
        if self._pool is None:
            return [pair_field(*pair)]
        self._waiting.append(self._pool.submit(pair_field, *pair))
        ready = []
        while len(self._waiting) > self._threads or (self._waiting and self._waiting[0].done()):
            ready.append(self._waiting.popleft().result())
        return ready


class Pyramid:
    """One frame at all levels, finest first; the parts that only a second frame needs are made on demand."""

    def __init__(self, frame: np.ndarray, options: Tvl1Options):
        self.sizes = options.sizes(*frame.shape)
        self.levels = [np.ascontiguousarray(frame, np.float32)]
        step = 1 / options.scale_step
        for height, width in self.sizes[1:]:
            self.levels.append(resized(self.levels[-1], height, width, step, step))
        self._gradients: list[np.ndarray] | None = None

    @property
    def gradients(self) -> list[np.ndarray]:
        """Each level with its gradients, as the warp wants it."""
        if self._gradients is None:
            self._gradients = [with_gradients(level) for level in self.levels]
        return self._gradients


def pair_field(
    first: Pyramid,
    second: Pyramid,
    options: Tvl1Options,
    initial: np.ndarray | None = None,
) -> np.ndarray:
    """The field float32 [2, H, W] from one frame to the next, coarse to fine. initial: where to start."""
    sizes = first.sizes
    field = _coarsest_start(sizes, options, initial)
    for level in reversed(range(len(sizes))):
        height, width = sizes[level]
        if field.shape[1:] != (height, width):
            field = _finer(field, height, width, options.scale_step)
        planes, rows = _scratch_memory(*sizes[0])
        solve_level(
            first.levels[level], second.gradients[level], field, planes, rows,
            options.tau, options.lambda_, options.theta, options.epsilon,
            options.warps, options.inner_iterations, options.outer_iterations, options.median_filtering,
        )  # fmt: skip
    return field


def _coarsest_start(
    sizes: list[tuple[int, int]], options: Tvl1Options, initial: np.ndarray | None
) -> np.ndarray:
    if initial is None:
        return np.zeros((2, *sizes[-1]), np.float32)
    field = np.array(initial, np.float32, order="C")
    step = 1 / options.scale_step
    for height, width in sizes[1:]:
        field = np.stack([resized(part, height, width, step, step) for part in field])
        field *= np.float32(options.scale_step)
    return field


def _finer(field: np.ndarray, height: int, width: int, scale_step: float) -> np.ndarray:
    steps = field.shape[1] / height, field.shape[2] / width
    finer = np.stack([resized(part, height, width, *steps) for part in field])
    finer *= np.float32(1 / scale_step)
    return finer


def _scratch_memory(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """This thread's scratch memory for frames of that size; kept, because allocating costs page faults."""
    if getattr(_scratch, "size", None) != (height, width):
        stride = -(-width // LANES) * LANES + LANES
        # An odd number of cache lines between planes: no two of them fall on the same cache sets.
        plane = ((height + 2) * stride + LANES + LANES) // LANES | 1
        _scratch.planes = _aligned(PLANES, plane * LANES)
        _scratch.rows = _aligned(7, stride + 2 * LANES)
        _scratch.size = (height, width)
    return _scratch.planes, _scratch.rows


def _aligned(rows: int, columns: int) -> np.ndarray:
    lanes = _CACHE_LINE // 4
    memory = np.zeros(rows * columns + lanes, np.float32)
    start = -memory.ctypes.data % _CACHE_LINE // 4
    return memory[start : start + rows * columns].reshape(rows, columns)
