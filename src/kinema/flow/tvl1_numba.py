"""TV-L1 optical flow on the processor: Zach, Pock and Bischof (DAGM 2007), as refined by Sánchez Pérez,
Meinhardt-Llopis and Facciolo (IPOL 2013, doi:10.5201/ipol.2013.26), with OpenCV's defaults.
"""

import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from .pairs import Pairs
from .tvl1_kernels import LANES, PLANES, resized, solve_level, with_gradients
from .tvl1_options import Tvl1Options, luma

_CACHE_LINE = 64
_scratch = threading.local()


class Tvl1Pairs(Pairs):
    """TV-L1 along one video; each frame's pyramid serves both of its pairs.

    Without `pool` each frame gives its field at once. With it up to `threads` pairs are in flight; the fields
    are the same.
    """

    def __init__(self, options: Tvl1Options, pool: ThreadPoolExecutor | None, threads: int) -> None:
        super().__init__()
        self._options, self._pool, self._threads = options, pool, threads
        self._last: Pyramid | None = None
        self._waiting: deque[Future[np.ndarray]] = deque()

    def finish(self) -> list[np.ndarray]:
        """The fields still in flight."""
        return [self._waiting.popleft().result() for _ in range(len(self._waiting))]

    def _add(self, frame: np.ndarray) -> list[np.ndarray]:
        first, self._last = self._last, Pyramid(luma(frame), self._options)
        if first is None:
            return []
        pair = first, self._last, self._options
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


def pair_field(first: Pyramid, second: Pyramid, options: Tvl1Options) -> np.ndarray:
    """The field float32 [2, H, W] from one frame to the next, coarse to fine."""
    sizes = first.sizes
    field = np.zeros((2, *sizes[-1]), np.float32)
    for level in reversed(range(len(sizes))):
        height, width = sizes[level]
        if field.shape[1:] != (height, width):
            steps = field.shape[1] / height, field.shape[2] / width
            field = np.stack([resized(part, height, width, *steps) for part in field])
            field *= np.float32(1 / options.scale_step)
        planes, rows = _scratch_memory(*sizes[0])
        solve_level(
            first.levels[level], second.gradients[level], field, planes, rows,
            options.tau, options.lambda_, options.theta, options.epsilon,
            options.warps, options.inner_iterations, options.outer_iterations, options.median_filtering,
        )  # fmt: skip
    return field


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
