"""TV-L1 optical flow on the processor: Zach, Pock and Bischof (DAGM 2007), as refined by Sánchez Pérez,
Meinhardt-Llopis and Facciolo (IPOL 2013, doi:10.5201/ipol.2013.26), with OpenCV's defaults.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from ..errors import UsageError
from .tvl1_kernels import LANES, PLANES, resized, solve_level, with_gradients
from .tvl1_options import Tvl1Options, check_frames

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
    for t, field in enumerate(tvl1_fields(grey, options, threads=threads, initial=initial)):
        out[t] = field
    return out


def tvl1_fields(
    frames: Iterable[np.ndarray],
    options: Tvl1Options | None = None,
    *,
    threads: int | None = None,
    initial: np.ndarray | None = None,
) -> Iterator[np.ndarray]:
    """The same in streaming form: grey frames uint8 [H, W] in, fields float32 [2, H, W] out, in order.

    Holds a few frames for each thread, whatever the length.
    """
    options = options or Tvl1Options()
    workers = threads or os.cpu_count() or 1
    pairs = pairwise(Pyramid(frame, options) for frame in frames)
    starts = iter(initial) if initial is not None else None
    if workers == 1:
        for first, second in pairs:
            yield pair_field(first, second, options, None if starts is None else next(starts))
        return
    with ThreadPoolExecutor(workers, thread_name_prefix="tvl1") as pool:
        waiting: deque[Future[np.ndarray]] = deque()
        for first, second in pairs:
            start = None if starts is None else next(starts)
            waiting.append(pool.submit(pair_field, first, second, options, start))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


class Pyramid:
    """One frame at all levels, finest first; the parts that only a second frame needs are made on demand."""

    def __init__(self, frame: np.ndarray, options: Tvl1Options):
        if frame.ndim != 2 or min(frame.shape) < 1:
            raise UsageError(f"optical flow takes grey frames [H, W], got {list(frame.shape)}")
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
    levels: int | None = None,
) -> np.ndarray:
    """The field float32 [2, H, W] from one frame to the next, coarse to fine.

    initial: a field to start from. levels: only so many of the finest are visited.
    """
    if first.sizes != second.sizes:
        raise UsageError("the frame size changes inside the video; resize the frames to one size first")
    sizes = first.sizes[:levels]
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
    if field.shape != (2, *sizes[0]):
        raise UsageError(f"an initial field must be {[2, *sizes[0]]}, got {list(field.shape)}")
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
