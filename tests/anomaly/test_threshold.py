"""The threshold's rate on exchangeable data, its interval, and what it says with few videos."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from kinema.anomaly.threshold import choose_threshold, needed, percentile
from kinema.errors import UsageError, WorkError


def test_value_by_hand() -> None:
    errors = torch.arange(1.0, 20.0)  # 19 videos: a rate of 0.05 is exactly reachable, by the largest
    top = choose_threshold(errors, 0.05)
    assert (top.value, top.expected, top.reachable) == (19.0, pytest.approx(0.05), True)
    assert choose_threshold(errors, 0.1).value == 18.0
    assert choose_threshold(errors, 0.5).value == 10.0


def test_too_few_videos_say_so() -> None:
    few = choose_threshold(torch.arange(1.0, 19.0), 0.05)
    assert not few.reachable
    assert few.value == 18.0
    assert few.expected > 0.05
    assert "unsure" in few.certainty
    assert "at least 19 normal videos" in few.certainty
    assert "unsure" not in choose_threshold(torch.arange(1.0, 20.0), 0.05).certainty
    assert needed(0.05) == 19
    assert needed(0.01) == 99


def test_one_video_knows_next_to_nothing() -> None:
    one = choose_threshold(torch.tensor([0.3]), 0.05)
    assert (one.low, one.high) == (pytest.approx(0.025), pytest.approx(0.975))


@pytest.mark.parametrize(("n", "rate"), [(19, 0.05), (50, 0.1), (200, 0.05)])
def test_rate_and_interval_hold_on_exchangeable_data(n: int, rate: float) -> None:
    """Uniform errors: the true false-alarm rate of threshold v is 1 - v."""
    generator = torch.Generator().manual_seed(0)
    trials = [choose_threshold(torch.rand(n, generator=generator), rate) for _ in range(2000)]
    true = torch.tensor([1 - t.value for t in trials])
    assert true.mean().item() == pytest.approx(trials[0].expected, abs=4 * true.std().item() / 2000**0.5)
    assert trials[0].expected <= rate
    inside = ((true >= trials[0].low) & (true <= trials[0].high)).float().mean().item()
    assert inside == pytest.approx(0.95, abs=0.02)


@given(n=st.integers(2, 300), rate=st.floats(0.01, 0.5))
def test_interval_agrees_with_the_binomial(n: int, rate: float) -> None:
    """P(true rate <= p) = P(at most k - 1 of n fall below the 1 - p quantile), by counting."""
    t = choose_threshold(torch.arange(float(n)), rate)
    k = int(t.value) + 1
    assert binom.cdf(k - 1, n, 1 - t.low) == pytest.approx(0.025, abs=1e-6)
    assert binom.cdf(k - 1, n, 1 - t.high) == pytest.approx(0.975, abs=1e-6)
    assert t.expected <= rate + 1e-9 or not t.reachable


def test_groups_by_hand() -> None:
    """Four groups hold a fifth each: errors of 1 to 4, 5 and 6, 7, 8 hold .05 each, .1 each, .2 and .2."""
    errors, groups = torch.arange(1.0, 9.0), list("aaaabbcd")
    at = choose_threshold(errors, 0.5, groups)
    assert (at.value, at.expected, at.n, at.independent) == (7.0, pytest.approx(0.4), 8, 4)
    assert choose_threshold(errors, 0.65, groups).value == 6.0
    assert choose_threshold(errors, 0.6, groups).expected == pytest.approx(0.6)
    few = choose_threshold(errors, 0.1, groups)
    assert (few.value, few.reachable) == (8.0, False)
    assert few.certainty.startswith("false-alarm rate from 8 held-out normal videos of 4 groups")
    assert "at least 9 groups of normal videos" in few.certainty


def test_groups_of_one_are_no_groups() -> None:
    errors = torch.rand(40, generator=torch.Generator().manual_seed(1))
    assert choose_threshold(errors, 0.1, range(100, 140)) == choose_threshold(errors, 0.1)


def test_the_rate_holds_for_new_groups() -> None:
    """Ten videos of a group differ little: the group's own error is what a threshold must be sure of."""
    generator, rate, groups = torch.Generator().manual_seed(0), 0.1, [g for g in range(19) for _ in range(10)]
    grouped, inside, naive_inside = [], [], []
    for _ in range(400):
        centres = torch.randn(2019, generator=generator)
        errors = (centres.repeat_interleave(10) + 0.1 * torch.randn(20190, generator=generator)).double()
        own, new = errors[:190], errors[190:]
        found, naive = choose_threshold(own, rate, groups), choose_threshold(own, rate)
        grouped.append(float((new > found.value).double().mean()))
        inside.append(found.low <= grouped[-1] <= found.high)
        naive_inside.append(naive.low <= (new > naive.value).double().mean() <= naive.high)
    assert sum(grouped) / 400 <= rate
    assert sum(inside) / 400 >= 0.93
    assert sum(naive_inside) / 400 < 0.7, "counting every video as independent makes the interval too narrow"


def test_percentile_by_hand() -> None:
    errors = torch.tensor([1.0, 2.0, 2.0, 4.0])
    assert percentile(errors, torch.tensor([0.5, 1.0, 2.0, 3.0, 9.0])).tolist() == [0, 25, 75, 75, 100]


def test_unusable_input_is_refused() -> None:
    with pytest.raises(UsageError, match="got none"):
        choose_threshold(torch.empty(0))
    for rate in (0.0, 1.0, -1.0):
        with pytest.raises(UsageError, match="between 0 and 1"):
            choose_threshold(torch.ones(5), rate)
    with pytest.raises(WorkError, match="NaN"):
        choose_threshold(torch.tensor([1.0, torch.nan]))
