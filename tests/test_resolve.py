"""What training decides where the recipe leaves it open."""

from __future__ import annotations

import pytest

from kinema.recipe import load_recipe, resolve
from kinema.resources import Resources
from support.recipes import WITH_GRU


def standardized(recipe: str, *overrides: str, weights: str | None = None) -> dict[str, bool | None]:
    return {
        n: s.standardize for n, s in resolve(recipe, overrides, Resources(weights=weights)).streams.items()
    }


def test_a_recipe_leaves_it_open() -> None:
    assert load_recipe("lite").streams["rgb"].standardize is None


@pytest.mark.parametrize(
    ("recipe", "overrides", "weights", "expected"),
    [
        ("lite", (), None, {"rgb": False}),
        ("lite", (), "none", {"rgb": True}),
        ("lite", ("streams.rgb.standardize=false",), "none", {"rgb": False}),
        ("lite", ("streams.rgb.standardize=true",), None, {"rgb": True}),
        ("lite", (WITH_GRU, "streams.rgb.train_blocks=2"), "none", {"rgb": False}),
        ("tiny", (), None, {"rgb": False}),
        ("i3d-gru", ("streams.flow.weights=none",), None, {"rgb": False, "flow": True}),
        ("three-stream", (), "none", {"rgb": True, "flow": False, "audio": True}),
    ],
)
def test_random_projections_are_standardised(recipe, overrides, weights, expected) -> None:
    assert standardized(recipe, *overrides, weights=weights) == expected


def test_what_was_decided_stays_decided() -> None:
    once = resolve("lite", (), Resources(weights="none"))
    assert resolve(once, (), Resources()) == once
