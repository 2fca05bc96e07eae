"""The order of training items, a function of (seed, epoch) alone, and the weights of their classes."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.utils.data import Sampler

from ..recipe import StageTraining


class EpochSampler(Sampler[int]):
    """Item numbers in a new random order each epoch; with `balanced`, classes are drawn equally often."""

    def __init__(self, labels: Sequence[int], *, seed: int, balanced: bool = False):
        self.labels = torch.tensor(labels, dtype=torch.int64)
        self.seed, self.balanced, self.epoch = seed, balanced, 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of this epoch; Lightning calls it ahead of each."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.labels)

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        if not self.balanced:
            yield from torch.randperm(len(self), generator=generator).tolist()
            return
        weights = class_weights(self.labels, int(self.labels.max()) + 1)[self.labels]
        yield from torch.multinomial(weights, len(self), replacement=True, generator=generator).tolist()


def balance(
    spec: StageTraining, labels: Sequence[int], *, classes: int, seed: int
) -> tuple[EpochSampler, Tensor | None]:
    """The order of a stage's items and its loss weights [C], as `class_balance` asks for them."""
    sampler = EpochSampler(labels, seed=seed, balanced=spec.class_balance == "sampler")
    return sampler, class_weights(sampler.labels, classes) if spec.class_balance == "weights" else None


def class_weights(labels: Tensor, classes: int) -> Tensor:
    """float32 [C]: the inverse of each class's share, 1 where all are equally frequent; 0 without items."""
    counts = torch.bincount(labels, minlength=classes).float()
    present = (counts > 0).sum()
    return torch.where(counts > 0, counts.sum() / (present * counts.clamp(min=1)), 0.0)
