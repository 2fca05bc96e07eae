"""The iterations of TV-L1 as kernels for NVIDIA GPUs: what `tvl1_torch` does in some thirty passes over the
memory is done in two. A block of iterations is one CUDA graph, so that no kernel waits for Python.
"""

from functools import lru_cache

import torch
import triton
import triton.language as tl
from torch import Tensor

from .tvl1_options import Tvl1Options
from .tvl1_torch import DataTerm

_BLOCK = 1024


def started(u: Tensor, options: Tvl1Options) -> "Iterations":
    """The iterations at the level of `u` [B, 2, H, W], with dual variables of zero."""
    pairs, _, height, width = u.shape
    found = _iterations(pairs, height, width, u.device, options)
    found.p.zero_()
    return found


@lru_cache(maxsize=16)  # the levels of a few sizes of frames
def _iterations(
    pairs: int, height: int, width: int, device: torch.device, options: Tvl1Options
) -> "Iterations":
    return Iterations(pairs, height, width, device, options)


class Iterations:
    """Blocks of a median filter and iterations, pair by pair until its field moves no more.

    It is made once for pairs of one size, with all the memory that it needs. The dual variables `p`
    [B, 2, 2, H, W] stay from call to call.
    """

    def __init__(self, pairs: int, height: int, width: int, device: torch.device, options: Tvl1Options):
        self._options, self._size = options, (height, width)
        self._grid = triton.cdiv(height * width, _BLOCK), pairs

        def zeros(*planes: int) -> Tensor:
            return torch.zeros((pairs, *planes, height, width), device=device)

        self.p = zeros(2, 2)
        self._u, self._filtered = zeros(2), zeros(2)
        self._term = DataTerm(zeros(2), zeros(), zeros())
        self._moved = torch.zeros((pairs, self._grid[0]), device=device)
        self._active = torch.zeros(pairs, dtype=torch.int32, device=device)
        self._graph = self._captured() if device.type == "cuda" else None

    def __call__(self, u: Tensor, term: DataTerm) -> Tensor:
        """The field [B, 2, H, W] that follows from `u`, each pair for as long as it moves."""
        self._u.copy_(u)
        self._term.gradient.copy_(term.gradient)
        self._term.constant.copy_(term.constant)
        self._term.inverse.copy_(term.inverse)
        self._active.fill_(1)
        for _ in range(self._options.outer_iterations):
            if self._graph is None:
                self._block()
            else:
                self._graph.replay()
            if not bool(self._active.any()):
                break
        return self._u.clone()

    def _captured(self) -> torch.cuda.CUDAGraph:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.device(self._u.device):
            self._block()  # compiles the kernels; no pair is active
            torch.cuda.synchronize()
            with torch.cuda.graph(graph):
                self._block()
        return graph

    def _block(self) -> None:
        height, width = self._size
        options, term, side = self._options, self._term, self._options.median_filtering
        if side > 1:
            _median[self._grid](self._u, self._filtered, self._active, height, width, SIDE=side, BLOCK=_BLOCK)
            self._u.copy_(self._filtered)
        enough = options.epsilon**2 * height * width
        for _ in range(options.inner_iterations):
            _primal[self._grid](
                self._u, self.p, term.gradient, term.constant, term.inverse, self._moved, self._active,
                height, width, options.lambda_ * options.theta, options.theta, BLOCK=_BLOCK,
            )  # fmt: skip
            _dual[self._grid](
                self._u, self.p, self._active, height, width, options.tau / options.theta, BLOCK=_BLOCK
            )
            _ended[(self._grid[1],)](
                self._moved, self._active, enough, self._grid[0], BLOCK=triton.next_power_of_2(self._grid[0])
            )


@triton.jit
def _primal(
    u, p, gradient, constant, inverse, moved, active, height, width, limit, theta, BLOCK: tl.constexpr
):  # type: ignore[no-untyped-def]
    """One step in u, thresholding and divergence, and the sum of its squares for each block of pixels."""
    block, pair = tl.program_id(0), tl.program_id(1)
    if tl.load(active + pair) != 0:
        area = height * width
        at = block * BLOCK + tl.arange(0, BLOCK)
        inside = at < area
        x, y = at % width, at // width
        here = pair.to(tl.int64) * area + at
        first = pair.to(tl.int64) * 2 * area + at
        gx = tl.load(gradient + first, inside, 0.0)
        gy = tl.load(gradient + first + area, inside, 0.0)
        u1, u2 = tl.load(u + first, inside, 0.0), tl.load(u + first + area, inside, 0.0)
        rho = tl.load(constant + here, inside, 0.0) + gx * u1 + gy * u2
        f = -rho * tl.load(inverse + here, inside, 0.0)
        f = tl.minimum(tl.maximum(f, -limit), limit)
        dual = p + pair.to(tl.int64) * 4 * area + at
        step1 = f * gx + theta * _divergence(dual, x, y, width, area, inside)
        step2 = f * gy + theta * _divergence(dual + 2 * area, x, y, width, area, inside)
        tl.store(u + first, u1 + step1, inside)
        tl.store(u + first + area, u2 + step2, inside)
        square = tl.where(inside, step1 * step1 + step2 * step2, 0.0)
        tl.store(moved + pair * tl.num_programs(0) + block, tl.sum(square, 0))


@triton.jit
def _divergence(p, x, y, width, area, inside):  # type: ignore[no-untyped-def]
    """Backward differences of the two planes at `p`, zero outside."""
    along_x = tl.load(p, inside, 0.0) - tl.load(p - 1, inside & (x > 0), 0.0)
    along_y = tl.load(p + area, inside, 0.0) - tl.load(p + area - width, inside & (y > 0), 0.0)
    return along_x + along_y


@triton.jit
def _dual(u, p, active, height, width, step, BLOCK: tl.constexpr):  # type: ignore[no-untyped-def]
    """One step in the dual variables, from forward differences of u that are zero at the far edges."""
    block, pair = tl.program_id(0), tl.program_id(1)
    if tl.load(active + pair) != 0:
        area = height * width
        at = block * BLOCK + tl.arange(0, BLOCK)
        inside = at < area
        x, y = at % width, at // width
        for part in tl.static_range(2):
            own = u + (pair.to(tl.int64) * 2 + part) * area + at
            dual = p + (pair.to(tl.int64) * 2 + part) * 2 * area + at
            value = tl.load(own, inside, 0.0)
            dx = tl.where(x < width - 1, tl.load(own + 1, inside & (x < width - 1), 0.0) - value, 0.0)
            dy = tl.where(y < height - 1, tl.load(own + width, inside & (y < height - 1), 0.0) - value, 0.0)
            norm = 1 + step * tl.sqrt(dx * dx + dy * dy)
            tl.store(dual, (tl.load(dual, inside, 0.0) + step * dx) / norm, inside)
            tl.store(dual + area, (tl.load(dual + area, inside, 0.0) + step * dy) / norm, inside)


@triton.jit
def _ended(moved, active, enough, blocks, BLOCK: tl.constexpr):  # type: ignore[no-untyped-def]
    """A pair whose field moved by no more than `enough` stands still from here on."""
    pair = tl.program_id(0)
    at = tl.arange(0, BLOCK)
    total = tl.sum(tl.load(moved + pair * blocks + at, at < blocks, 0.0), 0)
    if total <= enough:
        tl.store(active + pair, 0)


@triton.jit
def _median(u, filtered, active, height, width, SIDE: tl.constexpr, BLOCK: tl.constexpr):  # type: ignore[no-untyped-def]
    """Median of SIDE x SIDE, edges repeated; a pair that stands still is copied."""
    block, pair = tl.program_id(0), tl.program_id(1)
    area = height * width
    at = block * BLOCK + tl.arange(0, BLOCK)
    inside = at < area
    x, y = at % width, at // width
    for part in tl.static_range(2):
        plane = (pair.to(tl.int64) * 2 + part) * area
        if tl.load(active + pair) == 0:
            value = tl.load(u + plane + at, inside, 0.0)
        elif SIDE == 3:
            value = _median3(u + plane, x, y, height, width, inside)
        else:
            value = _median5(u + plane, x, y, height, width, inside)
        tl.store(filtered + plane + at, value, inside)


@triton.jit
def _near(u, x, y, height, width, inside):  # type: ignore[no-untyped-def]
    """The value at (x, y), or at the nearest place inside."""
    row, column = tl.minimum(tl.maximum(y, 0), height - 1), tl.minimum(tl.maximum(x, 0), width - 1)
    return tl.load(u + row * width + column, inside, 0.0)


@triton.jit
def _ordered(a, b):  # type: ignore[no-untyped-def]
    return tl.minimum(a, b), tl.maximum(a, b)


@triton.jit
def _sorted3(a, b, c):  # type: ignore[no-untyped-def]
    a, b = _ordered(a, b)
    b, c = _ordered(b, c)
    a, b = _ordered(a, b)
    return a, b, c


@triton.jit
def _column3(u, x, y, height, width, inside):  # type: ignore[no-untyped-def]
    return _sorted3(
        _near(u, x, y - 1, height, width, inside),
        _near(u, x, y, height, width, inside),
        _near(u, x, y + 1, height, width, inside),
    )


@triton.jit
def _median3(u, x, y, height, width, inside):  # type: ignore[no-untyped-def]
    """Of the columns' largest minimum, middle median and smallest maximum, the middle one."""
    a0, a1, a2 = _column3(u, x - 1, y, height, width, inside)
    b0, b1, b2 = _column3(u, x, y, height, width, inside)
    c0, c1, c2 = _column3(u, x + 1, y, height, width, inside)
    low = tl.maximum(tl.maximum(a0, b0), c0)
    high = tl.minimum(tl.minimum(a2, b2), c2)
    _, middle, _ = _sorted3(a1, b1, c1)
    _, middle, _ = _sorted3(low, middle, high)
    return middle


@triton.jit
def _sorted5(a, b, c, d, e):  # type: ignore[no-untyped-def]
    a, b = _ordered(a, b)
    d, e = _ordered(d, e)
    c, e = _ordered(c, e)
    c, d = _ordered(c, d)
    b, e = _ordered(b, e)
    a, d = _ordered(a, d)
    a, c = _ordered(a, c)
    b, d = _ordered(b, d)
    b, c = _ordered(b, c)
    return a, b, c, d, e


@triton.jit
def _column5(u, x, y, height, width, inside):  # type: ignore[no-untyped-def]
    return _sorted5(
        _near(u, x, y - 2, height, width, inside),
        _near(u, x, y - 1, height, width, inside),
        _near(u, x, y, height, width, inside),
        _near(u, x, y + 1, height, width, inside),
        _near(u, x, y + 2, height, width, inside),
    )


@triton.jit
def _median5(u, x, y, height, width, inside):  # type: ignore[no-untyped-def]
    """Of 25 values, their columns sorted, then their rows: the comparators of `tvl1_kernels`."""
    a0, a1, a2, a3, a4 = _column5(u, x - 2, y, height, width, inside)
    b0, b1, b2, b3, b4 = _column5(u, x - 1, y, height, width, inside)
    c0, c1, c2, c3, c4 = _column5(u, x, y, height, width, inside)
    d0, d1, d2, d3, d4 = _column5(u, x + 1, y, height, width, inside)
    e0, e1, e2, e3, e4 = _column5(u, x + 2, y, height, width, inside)
    _, _, _, w0, w8 = _sorted5(a0, b0, c0, d0, e0)
    _, _, w1, w2, w3 = _sorted5(a1, b1, c1, d1, e1)
    _, w5, w10, w11, _ = _sorted5(a2, b2, c2, d2, e2)
    w4, w6, w7, _, _ = _sorted5(a3, b3, c3, d3, e3)
    w9, w12, _, _, _ = _sorted5(a4, b4, c4, d4, e4)
    w0, w1 = _ordered(w0, w1)
    w4, w5 = _ordered(w4, w5)
    w8, w9 = _ordered(w8, w9)
    w8, w10 = _ordered(w8, w10)
    w9 = tl.minimum(w9, w11)
    w9, w10 = _ordered(w9, w10)
    w4 = tl.maximum(w0, w4)
    w5 = tl.maximum(w1, w5)
    w2, w6 = _ordered(w2, w6)
    w3 = tl.minimum(w3, w7)
    w4 = tl.maximum(w2, w4)
    w3, w5 = _ordered(w3, w5)
    w10 = tl.minimum(w10, w12)
    w3, w4 = _ordered(w3, w4)
    w5, w6 = _ordered(w5, w6)
    w9, w10 = _ordered(w9, w10)
    w8 = tl.maximum(w4, w8)
    w5 = tl.minimum(w5, w9)
    w6 = tl.minimum(w6, w10)
    w5 = tl.maximum(w3, w5)
    w6 = tl.minimum(w6, w8)
    return tl.maximum(w5, w6)
