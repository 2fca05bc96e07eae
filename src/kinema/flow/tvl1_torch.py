"""TV-L1 optical flow in PyTorch, many pairs at once: for GPUs.

The same algorithm as `tvl1_numba`, which is the faster one on processors. On NVIDIA's GPUs the iterations are
kernels of `tvl1_triton`.
"""

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .tvl1_options import Tvl1Options, luma

BATCH = 16
# Pairs at once for the kernels of a GPU, which then does twice as many a second as with 16.
GPU_BATCH = 64
# Asking the device whether all pairs are done costs a wait; in between, done pairs merely stand still.
_ASK_EVERY = 5
_EPSILON = 1.1920929e-07


def tvl1_torch(frames: Sequence[np.ndarray], options: Tvl1Options, device: torch.device | str) -> np.ndarray:
    """Frames uint8 [H, W] or RGB [H, W, 3], n + 1 of them -> fields float32 [n, 2, H, W] in pixels.

    All pairs are computed at once, at about 200 bytes a pixel of each.
    """
    place, pairs = torch.device(device), len(frames) - 1
    # The memory of a GPU is laid out for one number of pairs: the last frame fills up what is missing.
    more = max(GPU_BATCH - pairs, 0) if place.type == "cuda" else 0
    grey = [luma(frame) for frame in frames]
    images = torch.from_numpy(np.stack(grey + grey[-1:] * more)).to(place).float()
    return _pair_fields(images[:-1], images[1:], options)[:pairs].cpu().numpy()


def _pair_fields(first: Tensor, second: Tensor, options: Tvl1Options) -> Tensor:
    """Images float32 [B, H, W], 0..255 -> fields [B, 2, H, W], coarse to fine."""
    sizes = options.sizes(*first.shape[1:])
    pyramid = [torch.stack([first, second], dim=1)]
    step = 1 / options.scale_step
    for size in sizes[1:]:
        pyramid.append(_resized(pyramid[-1], size, (step, step)))
    field = first.new_zeros((len(first), 2, *sizes[-1]))
    for images, (height, width) in zip(reversed(pyramid), reversed(sizes), strict=True):
        if field.shape[2:] != (height, width):
            steps = field.shape[2] / height, field.shape[3] / width
            field = _resized(field, (height, width), steps) / options.scale_step
        field = _solve_level(images[:, 0], images[:, 1], field, options)
    return field


@dataclass(slots=True)
class DataTerm:
    """rho(u) = constant + <gradient, u>, linear around one u; `inverse` is 1 / |gradient|^2, 0 where flat."""

    gradient: Tensor
    constant: Tensor
    inverse: Tensor


def _solve_level(first: Tensor, second: Tensor, u: Tensor, options: Tvl1Options) -> Tensor:
    with_gradient = torch.cat([second[:, None], _central_differences(second)], dim=1)
    iterate = _started(u, options)
    for _ in range(options.warps):
        u = iterate(u, _linearised(first, with_gradient, u))
    return u


def _started(u: Tensor, options: Tvl1Options) -> Callable[[Tensor, DataTerm], Tensor]:
    """The iterations at the level of `u`: kernels where there is a compiler for them."""
    if u.device.type == "cuda" and importlib.util.find_spec("triton"):
        from .tvl1_triton import started

        return started(u, options)
    return _Iterations(u, options)


class _Iterations:
    """Blocks of a median filter and iterations, until the field moves no more; the dual variables stay."""

    def __init__(self, u: Tensor, options: Tvl1Options):
        self._options = options
        self._p = u.new_zeros((*u.shape[:2], 2, *u.shape[2:]))
        self._enough = options.epsilon**2 * u.shape[2] * u.shape[3]

    def __call__(self, u: Tensor, term: DataTerm) -> Tensor:
        """The field [B, 2, H, W] that follows from `u`, each pair for as long as it moves."""
        options, p = self._options, self._p
        active = torch.ones(len(u), dtype=torch.bool, device=u.device)
        for n in range(options.outer_iterations * options.inner_iterations):
            if n % _ASK_EVERY == 0 and not bool(active.any()):
                break
            if n % options.inner_iterations == 0 and options.median_filtering > 1:
                u = torch.where(active[:, None, None, None], _median(u, options.median_filtering), u)
            new_u, new_p = _iteration(u, p, term, options)
            moved = (new_u - u).square().sum(dim=(1, 2, 3))
            u = torch.where(active[:, None, None, None], new_u, u)
            p = torch.where(active[:, None, None, None, None], new_p, p)
            active = active & (moved > self._enough)
        self._p = p
        return u


def _linearised(first: Tensor, second: Tensor, u: Tensor) -> DataTerm:
    """Warp the second image and its gradient, [B, 3, H, W], by u: cubic (a = -0.75), zero outside."""
    height, width = u.shape[2:]
    x = torch.arange(width, device=u.device) + u[:, 0]
    y = torch.arange(height, device=u.device)[:, None] + u[:, 1]
    grid = torch.stack([2 * x / max(width - 1, 1) - 1, 2 * y / max(height - 1, 1) - 1], dim=-1)
    warped = F.grid_sample(second, grid, mode="bicubic", padding_mode="zeros", align_corners=True)
    image, gradient = warped[:, 0], warped[:, 1:]
    square = gradient.square().sum(dim=1)
    inverse = torch.where(square > _EPSILON, 1 / square.clamp_min(_EPSILON), 0)
    return DataTerm(gradient, image - (gradient * u).sum(dim=1) - first, inverse)


def _iteration(u: Tensor, p: Tensor, term: DataTerm, options: Tvl1Options) -> tuple[Tensor, Tensor]:
    """One step in u (thresholding, then divergence) and one in the dual variables p [B, 2, 2, H, W]."""
    limit = options.lambda_ * options.theta
    rho = term.constant + (term.gradient * u).sum(dim=1)
    f = (-rho * term.inverse).clamp(-limit, limit)
    px, py = p[:, :, 0], p[:, :, 1]
    divergence = px - F.pad(px[..., :-1], (1, 0)) + py - F.pad(py[..., :-1, :], (0, 0, 1, 0))
    u = u + f[:, None] * term.gradient + options.theta * divergence
    dx = F.pad(u[..., 1:] - u[..., :-1], (0, 1))
    dy = F.pad(u[..., 1:, :] - u[..., :-1, :], (0, 0, 0, 1))
    slope = torch.stack([dx, dy], dim=2)
    step = options.tau / options.theta
    return u, (p + step * slope) / (1 + step * torch.hypot(dx, dy)[:, :, None])


def _central_differences(image: Tensor) -> Tensor:
    """[B, H, W] -> [B, 2, H, W]: half the difference of both neighbours along x and y, edges repeated."""
    grown = F.pad(image[:, None], (1, 1, 1, 1), mode="replicate")
    dx = (grown[..., 1:-1, 2:] - grown[..., 1:-1, :-2]) / 2
    dy = (grown[..., 2:, 1:-1] - grown[..., :-2, 1:-1]) / 2
    return torch.cat([dx, dy], dim=1)


def _median(u: Tensor, side: int) -> Tensor:
    """Median of side x side, edges repeated, of [B, C, H, W]."""
    grown = F.pad(u, (side // 2,) * 4, mode="replicate")
    return grown.unfold(2, side, 1).unfold(3, side, 1).flatten(-2).median(dim=-1).values


def _resized(images: Tensor, size: tuple[int, int], steps: tuple[float, float]) -> Tensor:
    """Bilinear resize of [B, C, h, w]; `steps` are source pixels per target pixel along y and x."""
    rows = _interpolation(images.shape[2], size[0], steps[0], images)
    columns = _interpolation(images.shape[3], size[1], steps[1], images)
    return rows @ images @ columns.T


def _interpolation(source: int, target: int, step: float, like: Tensor) -> Tensor:
    """The matrix [target, source] of linear interpolation: pixel centres meet, edges repeat."""
    position = ((np.arange(target) + 0.5) * step - 0.5).clip(0, source - 1)
    low = np.floor(position).astype(np.int64)
    part = position - low
    matrix = np.zeros((target, source), np.float32)
    matrix[np.arange(target), low] += 1 - part
    matrix[np.arange(target), np.minimum(low + 1, source - 1)] += part
    return torch.from_numpy(matrix).to(like.device)
