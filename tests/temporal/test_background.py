"""What stays the same taken away: against sums by hand, and chunks and steps against the whole."""

from __future__ import annotations

import numpy as np
import torch

from kinema.temporal import Gru
from kinema.temporal.background import Background
from kinema.temporal.model import TemporalModel


def slow(x: np.ndarray, steps: int) -> np.ndarray:
    """x [T, D] less its running mean, written out as weights of all that was seen."""
    found = np.zeros_like(x)
    for t in range(len(x)):
        weights = np.ones(1)
        for k in range(1, t + 1):
            new = 1 / min(k + 1, steps)
            weights = np.append(weights * (1 - new), new)
        found[t] = x[t] - weights @ x[: t + 1]
    return found


def test_it_is_the_difference_from_the_mean_of_what_was_seen_lately() -> None:
    x = np.random.default_rng(0).normal(size=(2, 12, 3)) + 50
    found = Background(4)(torch.from_numpy(x))
    for one, row in zip(found.numpy(), x, strict=True):
        np.testing.assert_allclose(one, slow(row, 4), atol=1e-9)


def test_what_never_changes_is_nothing_and_what_begins_fades() -> None:
    x = torch.zeros(1, 200, 2) + torch.tensor([7.0, 0.0])
    x[:, 100:, 1] = 1.0
    found = Background(20)(x)[0]
    assert found[:, 0].abs().max() < 1e-5
    assert found[100, 1] > 0.9
    assert found[199, 1] < 0.01


def test_chunks_and_steps_give_the_whole_in_a_model() -> None:
    torch.manual_seed(0)
    model = TemporalModel(Gru(units=5, pool="none"), 3, standardize=True, background=6).eval()
    model.standardize.std.fill_(2.0)
    x = torch.randn(2, 17, 3) + 9
    with torch.no_grad():
        whole = model(x)
        chunks, state = [], model.initial_state(2)
        for part in x.split([4, 1, 12], dim=1):
            out, state = model.advance(part, state)
            chunks.append(out)
        steps, state = [], model.initial_state(2)
        for t in range(17):
            out, state = model.step(x[:, t], state)
            steps.append(out)
    torch.testing.assert_close(torch.cat(chunks, 1), whole, atol=1e-6, rtol=0)
    torch.testing.assert_close(torch.stack(steps, 1), whole, atol=1e-6, rtol=0)
    plain = TemporalModel(Gru(units=5, pool="none"), 3, standardize=True).eval()
    plain.load_state_dict(model.state_dict())
    with torch.no_grad():
        assert (plain(x) - whole).abs().max() > 1e-2


def test_no_steps_change_nothing() -> None:
    layer = Background(6)
    state = layer.initial_state(2, 3)
    out, after = layer.advance(torch.zeros(2, 0, 3), state)
    assert out.shape == (2, 0, 3)
    assert all(torch.equal(one, other) for one, other in zip(after, state, strict=True))
