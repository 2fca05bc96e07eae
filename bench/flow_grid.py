"""A hand-made description of motion for the benchmarks: which way things move where, around the actor.

It stands in for a trained motion network, which needs more videos and time than a benchmark has: nothing in
it is learned. A step is a few displacement fields, averaged, less their median (the camera). A 4 x 4 grid is
laid around the centre of motion, twice the motion's spread to each side; each cell holds how much moves
right, left, down and up in it. A backbone is one module like this and one line in the table of backbones,
which `register` adds.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from kinema.backbones.module import Backbone
from kinema.backbones.spec import BackboneSpec, InputSpec
from kinema.backbones.table import BACKBONES

GRID = 4

SPEC = BackboneSpec(
    name="flow_grid",
    input=InputSpec("flow_clip", size=(48, 64), crop="stretch"),
    features={"grid": 4 * GRID * GRID},
    summary="displacement to each side in a grid around the centre of motion; nothing is learned",
)


class FlowGrid(Backbone):
    """Flow clips float32 [N, L, H, W, 2] -> float32 [N, 64], each summing to 64 (0 where nothing moves)."""

    def blocks(self) -> list[nn.Module]:
        """None: there is nothing to train."""
        return []

    def forward(self, x: Tensor) -> Tensor:
        """The grid of each clip."""
        fields = x.mean(1)
        count, height, width, _ = fields.shape
        fields = fields - fields.flatten(1, 2).median(1).values[:, None, None, :]
        cell = _cells(fields.norm(dim=3))
        sides = torch.stack([fields.clamp(min=0), (-fields).clamp(min=0)], 4).reshape(
            count, height * width, 4
        )
        sums = sides.new_zeros(count, GRID * GRID, 4)
        sums.scatter_add_(1, cell.reshape(count, -1, 1).expand(-1, -1, 4), sides)
        flat = sums.flatten(1)
        return flat / flat.mean(1, keepdim=True).clamp(min=1e-9)


def _cells(speed: Tensor) -> Tensor:
    """The grid cell of each pixel, int64 [N, H, W], for speeds [N, H, W]."""
    count, height, width = speed.shape
    moving = (speed - speed.flatten(1).median(1).values[:, None, None]).clamp(min=0)
    total = moving.sum((1, 2)).clamp(min=1e-9)[:, None, None]
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    y, x = (axis.to(speed).expand(count, -1, -1) for axis in (y, x))
    dy, dx = (axis - (moving * axis).sum((1, 2), keepdim=True) / total for axis in (y, x))
    spread = ((moving * (dy**2 + dx**2)).sum((1, 2), keepdim=True) / total).sqrt().clamp(min=1.0)
    rows, columns = ((d / (2 * spread) + 1) * GRID / 2 for d in (dy, dx))
    return rows.long().clamp(0, GRID - 1) * GRID + columns.long().clamp(0, GRID - 1)


def build(features: str | None = None) -> FlowGrid:
    """The description; it holds no values."""
    SPEC.features_name(features)
    return FlowGrid()


def register() -> None:
    """Add `flow_grid` to the table of backbones of this process."""
    BACKBONES[SPEC.name] = "flow_grid"
