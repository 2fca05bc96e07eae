"""Statistics over time against slow loops in NumPy; what playing backwards does to them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from kinema.temporal import Moments
from kinema.temporal.moments_net import MomentsNet

ALL = ("mean", "spread", "steps", "halves", "cosines", "rates")


def slow(x: np.ndarray, name: str, lags: tuple[int, ...]) -> np.ndarray:
    """One statistic of one sequence [T, D], feature by feature and step by step."""
    steps, dims = x.shape
    parts = []
    for k in {"steps": lags, "rates": lags, "cosines": (1, 3)}.get(name, (0,)):
        for d in range(dims):
            column = [float(v) for v in x[:, d]]
            pairs = [(a, b) for a, b in zip(column, column[k:], strict=False)]
            mean = sum(column) / steps
            half = steps // 2
            value = {
                "mean": lambda c=column: sum(c) / steps,
                "spread": lambda c=column, m=mean: math.sqrt(sum((v - m) ** 2 for v in c) / steps),
                "steps": lambda p=pairs: sum(abs(b - a) for a, b in p) / len(p) if p else 0.0,
                "rates": lambda p=pairs: sum(abs(b - a) * (b - a) for a, b in p) / len(p) if p else 0.0,
                "halves": lambda c=column: (
                    (sum(c[steps - half :]) - sum(c[:half])) / half if half else 0.0
                ),
                "cosines": lambda c=column, j=k: (
                    2 / steps * sum(v * math.cos(math.pi * j * (t + 0.5) / steps) for t, v in enumerate(c))
                ),
            }[name]()
            parts.append(value)
    return np.array(parts)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("lags", [(1, 2, 4), (3,)])
def test_statistics_are_those_of_slow_loops(name: str, lags: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    x, lengths = torch.randn(5, 9, 3), torch.tensor([9, 4, 1, 2, 7])
    net = MomentsNet(Moments(statistics=(name,), lags=lags), 3)
    found = net(x, lengths).numpy()
    for row, length in enumerate(lengths.tolist()):
        expected = slow(x[row, :length].numpy(), name, lags)
        np.testing.assert_allclose(found[row], expected, atol=3e-6)


@pytest.mark.parametrize("name", ALL)
def test_backwards_keeps_even_statistics_and_turns_odd_ones(name: str) -> None:
    torch.manual_seed(1)
    x = torch.randn(2, 7, 3)
    net = MomentsNet(Moments(statistics=(name,)), 3)
    sign = -1 if name in ("halves", "cosines", "rates") else 1
    torch.testing.assert_close(net(x.flip(1)), sign * net(x), atol=1e-5, rtol=1e-5)
    assert net(x).abs().max() > 0.05


def test_fit_standardises_over_videos_and_weighs_statistics_alike() -> None:
    torch.manual_seed(2)
    x, lengths = torch.randn(40, 6, 5) * torch.tensor([1.0, 2.0, 3.0, 0.5, 1.0]) + 4, torch.randint(1, 7, (40,))
    net = MomentsNet(Moments(statistics=("mean", "steps"), lags=(1,)), 5)
    raw = net(x, lengths)
    net.fit([(x[:15], lengths[:15]), (x[15:], lengths[15:])])
    out = net(x, lengths)
    expected = (raw - raw.mean(0)) / raw.std(0, correction=0) / math.sqrt(5)
    torch.testing.assert_close(out, expected, atol=1e-5, rtol=1e-4)
    for block in out.split([5, 5], dim=1):
        assert block.square().sum(1).mean().item() == pytest.approx(1, abs=1e-4)


def test_what_never_changes_becomes_zero_and_absent_videos_teach_nothing() -> None:
    x = torch.ones(3, 4, 2) * torch.tensor([1.0, 2.0, 9.0])[:, None, None]
    net = MomentsNet(Moments(statistics=("mean", "halves")), 2)
    net.fit([(x, torch.tensor([4, 4, 0]))])
    out = net(x, torch.tensor([4, 4, 0]))
    torch.testing.assert_close(out[:2, :2], torch.tensor([[-1.0, -1.0], [1.0, 1.0]]) / math.sqrt(2))
    assert not out[:, 2:].any()
    assert not out[2].any()


@pytest.mark.parametrize("wrong", [{"statistics": ("mean", "mean")}, {"lags": (1, 1)}, {"statistics": ()}, {"lags": (0,)}])
def test_wrong_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Moments(**wrong)
