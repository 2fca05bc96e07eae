"""Standardised features: against NumPy over the steps inside each sequence."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kinema.temporal import Encoder, Gru
from kinema.temporal.model import TemporalModel
from kinema.temporal.standardize import Standardize

LENGTHS = [4, 1, 0, 6, 3]


def padded(dim: int, seed: int = 0) -> tuple[list[np.ndarray], torch.Tensor, torch.Tensor]:
    """Sequences of LENGTHS steps, and the same as one batch whose padding is far from them."""
    random = np.random.default_rng(seed)
    rows = [(random.normal(size=(n, dim)) * (1 + np.arange(dim)) + 50).astype(np.float32) for n in LENGTHS]
    data = torch.full((len(rows), max(LENGTHS), dim), 1e6)
    for i, row in enumerate(rows):
        data[i, : len(row)] = torch.from_numpy(row)
    return rows, data, torch.tensor(LENGTHS)


def test_until_it_is_fitted_it_changes_nothing() -> None:
    x = torch.randn(2, 3, 4)
    assert torch.equal(Standardize(4)(x), x)


def test_mean_and_spread_over_all_steps_of_all_batches() -> None:
    rows, data, lengths = padded(5)
    layer = Standardize(5)
    layer.fit([(data[:2], lengths[:2]), (data[2:], lengths[2:])])
    steps = np.concatenate(rows).astype(np.float64)
    np.testing.assert_allclose(layer.mean.numpy(), steps.mean(0), rtol=1e-6)
    np.testing.assert_allclose(layer.std.numpy(), steps.std(0), rtol=1e-5)
    out = layer(torch.from_numpy(np.concatenate(rows)))
    np.testing.assert_allclose(out.mean(0).numpy(), 0, atol=1e-5)
    np.testing.assert_allclose(out.std(0, correction=0).numpy(), 1, rtol=1e-5)


def test_what_never_changes_is_centred_and_not_blown_up() -> None:
    layer = Standardize(2)
    layer.fit([(torch.full((3, 2, 2), 0.1), torch.tensor([2, 2, 2]))])
    assert torch.equal(layer.std, torch.ones(2))
    assert layer(torch.full((1, 2), 0.1)).abs().max() < 1e-6


def test_what_hardly_changes_is_not_blown_up() -> None:
    """A dimension whose spread is rounding must not become as loud as one that says something."""
    random = np.random.default_rng(0)
    data = np.stack([random.normal(size=(8, 4)), 5 + 1e-6 * random.normal(size=(8, 4))], axis=2)
    layer = Standardize(2)
    layer.fit([(torch.from_numpy(data.astype(np.float32)), torch.full((8,), 4))])
    out = layer(torch.from_numpy(data.astype(np.float32)))
    assert out[..., 0].std() == pytest.approx(1, abs=0.05)
    assert out[..., 1].abs().max() < 1e-4


def test_nothing_to_fit_leaves_it_as_it_was() -> None:
    layer = Standardize(3)
    layer.fit([(torch.zeros(2, 1, 3), torch.tensor([0, 0]))])
    assert torch.equal(layer.mean, torch.zeros(3))
    assert torch.equal(layer.std, torch.ones(3))


def test_it_comes_first_in_the_temporal_model_for_sequences_and_for_steps() -> None:
    torch.manual_seed(0)
    _, data, lengths = padded(5)
    spec, encoder = Gru(units=4), Encoder(layers=(3,))
    model = TemporalModel(spec, 5, encoder, standardize=True).eval()
    plain = TemporalModel(spec, 5, encoder).eval()
    plain.load_state_dict({k: v for k, v in model.state_dict().items() if not k.startswith("standardize")})
    assert model.standardize is not None
    model.standardize.fit([(data, lengths)])
    by_hand = (data - model.standardize.mean) / model.standardize.std
    torch.testing.assert_close(model(data, lengths), plain(by_hand, lengths))
    state = model.initial_state(1)
    for t in range(LENGTHS[3]):
        out, state = model.step(data[3:4, t], state)
    torch.testing.assert_close(out, model(data[3:4], lengths[3:4]))
