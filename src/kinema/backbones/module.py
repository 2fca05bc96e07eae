"""What all backbones share as torch modules: ordered blocks, freezing, fixed batch norm."""

from collections.abc import Sequence
from typing import Literal, Self

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..errors import UsageError


class Backbone(nn.Module):
    """Base of all backbones: [N, ...] inputs of its `InputSpec` -> float32 [N, D].

    A backbone is in evaluation mode whatever `train()` says, except for the blocks that `unfreeze`
    released. `forward` normalises its raw input itself, casts it to the dtype of its parameters
    (`cast`), and returns float32. Subclasses give `blocks` and, where published values have other names
    than their own, `converted`. With `autocasts` lower precision is torch's choice, layer by layer: networks
    that are not made of convolutions and batch norms alone cannot be cast layer by layer.
    """

    autocasts = False

    def __init__(self) -> None:
        super().__init__()
        self._released: list[nn.Module] = []
        self._norm_trains = False

    def blocks(self) -> list[nn.Module]:
        """The blocks from input to output; together they hold every parameter once."""
        raise NotImplementedError

    def converted(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Published values, by their published names, as this module's own."""
        return state

    def unfreeze(self, blocks: int, batch_norm: Literal["eval", "train"] = "eval") -> list[nn.Parameter]:
        """Freeze all but the last `blocks` blocks; the parameters that now train, in order.

        With `batch_norm="eval"` batch norm keeps its running statistics; its scale and shift still train.
        Raises `UsageError` where the backbone has fewer blocks.
        """
        all_blocks = self.blocks()
        if not 0 <= blocks <= len(all_blocks):
            raise UsageError(
                f"train_blocks={blocks} asks for more blocks than there are; set it to 0-{len(all_blocks)}"
            )
        self.requires_grad_(False)
        self._released = all_blocks[len(all_blocks) - blocks :]
        self._norm_trains = batch_norm == "train"
        for block in self._released:
            block.requires_grad_(True)
        self.train(self.training)
        return [p for block in self._released for p in block.parameters()]

    def train(self, mode: bool = True) -> Self:
        """Training mode for the released blocks only (and for their batch norm only where asked)."""
        super().train(False)
        for block in self._released:
            block.train(mode)
            for part in block.modules():
                if isinstance(part, _BatchNorm) and not self._norm_trains:
                    part.eval()
        self.training = mode
        return self

    def cast(self, x: Tensor) -> Tensor:
        """`x` in the dtype of this backbone's first parameter."""
        return x.to(next(self.parameters()).dtype)


def normalised(x: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """uint8 [..., C], channels last -> float32 of the same shape: (x / 255 - mean) / std per channel."""
    return (x.to(torch.float32) - row(mean, x) * 255) / (row(std, x) * 255)


def row(values: Sequence[float], like: Tensor) -> Tensor:
    """float32 [len(values)], made where `like` is: a copy from here to a GPU would wait for all its work."""
    return torch.cat([torch.full((1,), value, dtype=torch.float32, device=like.device) for value in values])


def check_stack(x: Tensor, stack: int) -> None:
    """Raise `UsageError` unless x [N, H, W, 2L] are stacks of `stack` fields."""
    if x.shape[-1] != 2 * stack:
        raise UsageError(
            f"this network takes stacks of {stack} fields, got {x.shape[-1] / 2:g}; "
            f"set the stream's stack to {stack}"
        )
