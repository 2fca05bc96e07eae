"""Anomaly detection on video embeddings by reconstruction error (three-stream paper, section VII).

A dense autoencoder with a narrow bottleneck learns to reconstruct the embeddings of normal videos.
"""

import math

import torch
from torch import Tensor, nn

from ..errors import UsageError, WorkError
from ..temporal.standardize import Standardize

BATCH = 32


class Autoencoder(nn.Module):
    """E -> hidden -> bottleneck -> hidden -> E, tanh in the hidden layers, on standardised embeddings."""

    def __init__(self, size: int, hidden: int, bottleneck: int):
        super().__init__()
        self.standardize = Standardize(size)
        self.encoder = nn.Sequential(nn.Linear(size, hidden), nn.Tanh(), nn.Linear(hidden, bottleneck))
        self.decoder = nn.Sequential(nn.Linear(bottleneck, hidden), nn.Tanh(), nn.Linear(hidden, size))

    def forward(self, x: Tensor) -> Tensor:
        """The reconstruction of `standardize(x)`: [N, E] -> [N, E]."""
        return self.decoder(self.encoder(self.standardize(x)))

    def to_tensors(self) -> dict[str, Tensor]:
        """The whole state, ready for safetensors."""
        return {name: value.detach().contiguous() for name, value in self.state_dict().items()}

    @classmethod
    def from_tensors(cls, state: dict[str, Tensor]) -> "Autoencoder":
        """The inverse of `to_tensors`: the sizes are read off the weights."""
        hidden, size = state["encoder.0.weight"].shape
        model = cls(size, hidden, bottleneck=len(state["encoder.2.weight"]))
        model.load_state_dict(state)
        return model.eval()


def fit_autoencoder(
    train: Tensor,
    *,
    bottleneck: int = 16,
    epochs: int = 200,
    seed: int = 0,
) -> Autoencoder:
    """Fit on embeddings of normal videos, float [N, E]: mean squared error, AdamW, cosine schedule.

    The hidden layers have the geometric mean of E and the bottleneck. Equal inputs and seed: equal models.
    Raises UsageError for fewer than two videos or a bottleneck that does not fit, WorkError for values that
    are not finite.
    """
    train = _finite(train).float()
    count, size = train.shape
    if count < 2:
        raise UsageError(f"an autoencoder needs at least 2 normal videos, got {count}; add normal videos")
    if not 0 < bottleneck < size:
        raise UsageError(
            f"bottleneck must lie in 1..{size - 1} for {size}-d embeddings, got {bottleneck}; set it"
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Autoencoder(size, math.isqrt(size * bottleneck), bottleneck).to(train.device)
    std, model.standardize.mean = torch.std_mean(train, dim=0)
    model.standardize.std = torch.where(std > 1e-6 * std.max(), std, torch.ones_like(std))
    _train(model, train, epochs, torch.Generator().manual_seed(seed))
    return model.eval()


def _train(model: Autoencoder, train: Tensor, epochs: int, generator: torch.Generator) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for epoch in range(epochs):
        for rows in torch.randperm(len(train), generator=generator).split(BATCH):
            part = train[rows]
            loss = nn.functional.mse_loss(model(part), model.standardize(part))
            if not torch.isfinite(loss):
                raise WorkError(f"the autoencoder's loss is {loss.item()} in epoch {epoch + 1}; lower its lr")
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        schedule.step()


@torch.no_grad()
def reconstruction_error(model: Autoencoder, x: Tensor) -> Tensor:
    """The anomaly score: mean squared error in standardised units, float [N, E] -> float32 [N]."""
    x = _finite(x).to(model.standardize.mean)
    return (model(x) - model.standardize(x)).square().mean(1)


def _finite(x: Tensor) -> Tensor:
    if x.ndim != 2:
        raise ValueError(f"embeddings must be [N, E], got {list(x.shape)}")
    if not torch.isfinite(x).all():
        raise WorkError("embeddings hold NaN or infinity; train the run again with a lower training.lr")
    return x
