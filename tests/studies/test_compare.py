"""Paired tests against other hands: scipy's binomial test, all signs written out, Holm by hand."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.stats import binomtest, wilcoxon

from kinema.studies.compare import compare, sign_test


def hits(right: str) -> dict[str, float]:
    return {f"v{i}": float(c == "1") for i, c in enumerate(right)}


def alone(count: int) -> dict[str, str]:
    return {f"v{i}": f"v{i}" for i in range(count)}


def test_single_videos_are_mcnemars_exact_test() -> None:
    a, b = "1" * 12 + "0" * 2 + "1" * 16, "0" * 12 + "1" * 2 + "1" * 16
    (found,) = compare({"a": hits(a), "b": hits(b)}, alone(30), "b")
    assert found.p == pytest.approx(binomtest(2, 14, 0.5).pvalue)
    assert found.difference == pytest.approx(10 / 30)
    assert found.interval[0] < found.difference < found.interval[1]
    assert (found.units, found.grouped, found.significant) == (30, False, True)


@pytest.mark.parametrize("seed", range(4))
def test_groups_are_tossed_as_wholes(seed: int) -> None:
    """All signs of few groups, one by one."""
    values = np.random.default_rng(seed).integers(-3, 6, 7).astype(float)
    total = abs(values.sum())
    signs = [abs(float(np.dot(s, values))) >= total - 1e-9 for s in product((-1, 1), repeat=7)]
    assert sign_test(values) == pytest.approx(np.mean(signs))


def test_many_groups_are_drawn_close_to_the_exact_value() -> None:
    values = np.random.default_rng(1).normal(0.4, 1, 16)
    exact = np.mean([abs(np.dot(s, values)) >= abs(values.sum()) for s in _all_signs(16)])
    assert sign_test(values) == pytest.approx(exact, abs=0.01)


def _all_signs(count: int) -> np.ndarray:
    return 1.0 - 2.0 * ((np.arange(2**count)[:, None] >> np.arange(count)) & 1)


def test_clips_of_one_group_count_once() -> None:
    """Forty clips in which one row is better, of four groups: nothing can be said."""
    units = {f"v{i}": f"g{i % 4}" for i in range(40)}
    (found,) = compare({"a": hits("1" * 40), "b": hits("0" * 40)}, units, "b")
    assert found.p is None
    assert not found.significant
    assert found.words == "+100.0 points: 4 groups, too few to tell"
    many = {f"v{i}": f"g{i % 20}" for i in range(40)}
    (found,) = compare({"a": hits("1" * 40), "b": hits("0" * 40)}, many, "b")
    assert found.p == pytest.approx(2 / 2**20, rel=0.01)


def test_equal_rows_do_not_differ() -> None:
    (found,) = compare({"a": hits("10" * 20), "b": hits("10" * 20)}, alone(40), "b")
    assert (found.difference, found.p, found.significant) == (0.0, 1.0, False)


def test_p_values_are_corrected_by_holm() -> None:
    """As R's p.adjust(c(.0078, .0625, .0313), "holm") does it: times 3, 1 and 2, and never falling."""
    base = "0" * 30
    rows = {"b": hits(base)}
    for name, better in (("x", 8), ("y", 5), ("z", 6)):
        rows[name] = hits("1" * better + base[better:])
    found = {one.better: one.p for one in compare(rows, alone(30), "b")}
    raw = {name: binomtest(0, n, 0.5).pvalue for name, n in (("x", 8), ("y", 5), ("z", 6))}
    assert found["x"] == pytest.approx(3 * raw["x"])
    assert found["z"] == pytest.approx(2 * raw["z"])
    assert found["y"] == pytest.approx(max(2 * raw["z"], raw["y"]))


def test_only_videos_that_both_were_tested_on_count() -> None:
    (found,) = compare({"a": hits("1" * 30), "b": hits("0" * 10)}, alone(30), "b")
    assert found.videos == 10
    assert compare({"a": {}, "b": hits("01")}, alone(2), "b") == []


def test_false_alarms_are_as_rare_as_promised() -> None:
    """Two rows of one accuracy on clips that agree within their groups: at most one in twenty differs."""
    random, alarms = np.random.default_rng(0), 0
    units = {f"v{i}": f"g{i // 10}" for i in range(120)}
    for _ in range(200):
        a, b = (np.repeat(random.random(12) < 0.7, 10).astype(float) for _ in range(2))
        names = list(units)
        rows = {"a": dict(zip(names, a, strict=True)), "b": dict(zip(names, b, strict=True))}
        alarms += compare(rows, units, "b")[0].significant
    assert alarms <= 16  # 10 expected at most; 16 are exceeded by chance in one of forty
    assert wilcoxon([1, 2, 3]).pvalue == sign_test(np.array([1.0, 2, 3])) == 0.25
