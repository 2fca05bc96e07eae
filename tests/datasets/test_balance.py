from __future__ import annotations

import tracemalloc
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinema.datasets.balance import assign_folds, choose_units, folds_of_units

items = st.lists(st.tuples(st.integers(0, 5), st.sampled_from("abc")), min_size=4, max_size=30)


def coverable(units, labels) -> bool:
    """By trying all choices: can every class with two units be on both sides, and every class remain?"""
    several = {c for c in labels if len({u for u, k in zip(units, labels, strict=True) if k == c}) > 1}
    names = set(units)
    for size in range(1, len(names)):
        for chosen in combinations(sorted(names), size):
            inside = {k for u, k in zip(units, labels, strict=True) if u in chosen}
            outside = {k for u, k in zip(units, labels, strict=True) if u not in chosen}
            if several <= inside and set(labels) <= outside:
                return True
    return False


@settings(max_examples=150, deadline=None)
@given(items, st.sampled_from([0.2, 0.25, 0.5]), st.integers(0, 2))
def test_classes_are_on_both_sides_wherever_that_can_be(pairs, fraction, seed):
    units, labels = [f"u{u}" for u, _ in pairs], [c for _, c in pairs]
    chosen = choose_units(units, labels, fraction, seed)
    of_unit = dict(zip(units, chosen, strict=True))
    assert [of_unit[u] for u in units] == chosen  # whole units
    outside = {k for k, c in zip(labels, chosen, strict=True) if not c}
    assert outside == set(labels)
    if coverable(units, labels):
        several = {c for c in labels if len({u for u, k in zip(units, labels, strict=True) if k == c}) > 1}
        assert several <= {k for k, c in zip(labels, chosen, strict=True) if c}


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.4])
def test_shares_come_near_the_fraction(fraction):
    rng = np.random.default_rng(0)
    units = [f"u{u}" for u in rng.integers(0, 60, 2000)]
    labels = [f"c{c}" for c in rng.integers(0, 20, 2000)]
    chosen = np.array(choose_units(units, labels, fraction, 0))
    shares = [chosen[np.array(labels) == f"c{c}"].mean() for c in range(20)]
    assert abs(chosen.mean() - fraction) < 0.02
    assert np.abs(np.array(shares) - fraction).max() < 0.12


def test_many_units_are_quick_and_exact():
    units = [f"file {i}" for i in range(2000)]
    labels = [f"c{i % 50}" for i in range(2000)]
    chosen = np.array(choose_units(units, labels, 0.25, 0))
    assert all(chosen[c::50].sum() == 10 for c in range(50))


def test_nothing_is_chosen_for_a_fraction_of_zero():
    assert choose_units(["u", "v"], ["a", "a"], 0.0, 0) == [False, False]
    with pytest.raises(ValueError, match="fraction"):
        choose_units(["u", "v"], ["a", "a"], 1.0, 0)


@settings(max_examples=100, deadline=None)
@given(items, st.integers(1, 6), st.integers(0, 2))
def test_folds_take_whole_units_and_none_is_empty(pairs, folds, seed):
    units, labels = [f"u{u}" for u, _ in pairs], [c for _, c in pairs]
    if folds > len(set(units)):
        return
    fold_of = assign_folds(units, labels, folds, seed)
    assert set(fold_of) == set(range(folds))
    assert len(set(zip(units, fold_of, strict=True))) == len(set(units))


def test_equal_units_give_equal_folds():
    units = [f"g{i}" for i in range(10) for _ in range(6)]
    labels = ["a", "a", "a", "b", "b", "b"] * 10
    fold_of = assign_folds(units, labels, 5, 0)
    assert np.bincount(fold_of).tolist() == [12] * 5


def test_no_more_folds_than_units_and_none_for_one():
    units, labels = ["a", "a", "b"], ["x", "y", "x"]
    assert folds_of_units(units, labels, 5, 0) == assign_folds(units, labels, 2, 0)
    assert folds_of_units(["a", "a"], ["x", "y"], 5, 0) is None


def test_many_files_of_many_classes_take_little_memory():
    files, classes = 20_000, 1_000  # a table of all of them would be 160 MB, and splitting took several
    units, labels = [f"file {i}" for i in range(files)], [f"c{i % classes}" for i in range(files)]
    tracemalloc.start()
    try:
        chosen = np.array(choose_units(units, labels, 0.25, 0))
        folds = np.array(assign_folds(units, labels, 5, 0))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100e6
    assert all(chosen[c::classes].sum() == 5 for c in range(classes))
    assert all(np.bincount(folds[c::classes]).tolist() == [4] * 5 for c in range(classes))
