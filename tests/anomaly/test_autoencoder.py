"""The autoencoder on data whose normal part lies on a known subspace."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load, save
from sklearn.metrics import roc_auc_score

from kinema.anomaly.autoencoder import Autoencoder, fit_autoencoder, reconstruction_error
from kinema.errors import UsageError, WorkError

SIZE, RANK = 24, 3


def subspace(n: int, seed: int, off: float = 0.0) -> torch.Tensor:
    """Points of a fixed 3-d subspace of 24-d space; `off` adds a component outside it, energy for energy."""
    generator = torch.Generator().manual_seed(seed)
    basis = torch.linalg.qr(torch.randn(SIZE, SIZE, generator=torch.Generator().manual_seed(7))).Q
    inside = torch.randn(n, RANK, generator=generator) @ basis[:RANK]
    outside = torch.randn(n, SIZE - RANK, generator=generator) @ basis[RANK:]
    return 5.0 + (1 - off) * inside + off * outside * (RANK / (SIZE - RANK)) ** 0.5


@pytest.fixture(scope="module")
def model() -> Autoencoder:
    return fit_autoencoder(subspace(300, seed=0), bottleneck=RANK, epochs=80)


def test_anomalies_off_the_subspace_are_found(model: Autoencoder) -> None:
    normal = reconstruction_error(model, subspace(200, seed=1))
    anomalous = reconstruction_error(model, subspace(200, seed=2, off=1.0))
    truth = [0] * 200 + [1] * 200
    assert roc_auc_score(truth, torch.cat([normal, anomalous])) > 0.99
    same = reconstruction_error(model, subspace(200, seed=3))
    assert 0.4 < roc_auc_score(truth, torch.cat([normal, same])) < 0.6


def test_a_bottleneck_narrower_than_the_data_loses_something() -> None:
    errors = [
        reconstruction_error(
            fit_autoencoder(subspace(200, 0), bottleneck=b, epochs=50), subspace(200, 1)
        ).mean()
        for b in (1, RANK)
    ]
    assert errors[0] > 2 * errors[1]


def test_error_by_hand() -> None:
    """A decoder that gives zero reconstructs the mean: the error is the mean square of the z-scores."""
    model = Autoencoder(2, 3, 1)
    model.standardize.mean, model.standardize.std = torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0])
    torch.nn.init.zeros_(model.decoder[2].weight)
    torch.nn.init.zeros_(model.decoder[2].bias)
    assert reconstruction_error(model, torch.tensor([[1.0, 2.0], [2.0, 6.0]])).tolist() == [0.0, 2.5]


def test_standardisation_makes_units_immaterial() -> None:
    train, test = subspace(60, 0), subspace(20, 1)
    units = torch.logspace(-2, 2, SIZE)
    plain = reconstruction_error(fit_autoencoder(train, bottleneck=2, epochs=3), test)
    scaled = reconstruction_error(fit_autoencoder(train * units, bottleneck=2, epochs=3), test * units)
    torch.testing.assert_close(plain, scaled, rtol=1e-3, atol=1e-4)


def test_constant_feature_makes_no_nan() -> None:
    train = subspace(50, 0)
    train[:, 4] = 3.0
    model = fit_autoencoder(train, bottleneck=2, epochs=2)
    assert torch.isfinite(reconstruction_error(model, subspace(5, 1))).all()


def test_same_seed_same_model_and_the_global_seed_is_left_alone() -> None:
    train = subspace(40, 0)
    torch.manual_seed(5)
    first = fit_autoencoder(train, bottleneck=2, epochs=2, seed=1).to_tensors()
    after = torch.rand(1)
    torch.manual_seed(6)
    second = fit_autoencoder(train, bottleneck=2, epochs=2, seed=1).to_tensors()
    assert all(torch.equal(first[name], second[name]) for name in first)
    torch.manual_seed(5)
    assert torch.equal(torch.rand(1), after)


def test_state_survives_safetensors(model: Autoencoder) -> None:
    again = Autoencoder.from_tensors(load(save(model.to_tensors())))
    x = subspace(10, 4)
    assert torch.equal(reconstruction_error(again, x), reconstruction_error(model, x))


def test_unusable_input_is_refused() -> None:
    with pytest.raises(UsageError, match="at least 2"):
        fit_autoencoder(torch.randn(1, 8), bottleneck=2)
    with pytest.raises(UsageError, match=r"1\.\.7"):
        fit_autoencoder(torch.randn(5, 8), bottleneck=8)
    with pytest.raises(WorkError, match="NaN"):
        fit_autoencoder(torch.full((5, 8), torch.nan), bottleneck=2)
    with pytest.raises(ValueError, match=r"\[N, E\]"):
        reconstruction_error(Autoencoder(4, 3, 2), torch.zeros(4))
