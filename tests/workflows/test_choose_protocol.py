"""When data are small: the choice between one split and folds, for every reason not to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kinema.datasets import Dataset
from kinema.errors import UsageError
from kinema.recipe import load_recipe
from kinema.types import VideoRecord
from kinema.workflows.choose_protocol import choose_protocol


def data(per_class: int, groups: int = 0) -> Dataset:
    """Two classes of as many videos; `groups` that all classes share."""
    records = tuple(
        VideoRecord(Path(f"/v/{label}/{i}.avi"), label, f"g{i % groups}" if groups else None)
        for label in "ab"
        for i in range(per_class)
    )
    return Dataset("folder", Path("/v"), ("a", "b"), records)


@pytest.mark.parametrize(
    ("per_class", "groups", "kind", "why"),
    [
        (20, 0, "folds", "10 test videos are too few for one split"),
        (2, 0, "folds", "2 test videos are too few for one split"),
        (98, 0, "folds", "48 test videos are too few for one split"),
        (100, 0, "split", ""),
        (200, 40, "split", ""),
        (200, 20, "split", ""),
        (200, 12, "folds", "3 test groups are too few for one split"),
        (200, 4, "folds", "1 test group is too few for one split"),
    ],
)
def test_by_the_size_of_the_one_split(per_class: int, groups: int, kind: str, why: str) -> None:
    recipe, said = choose_protocol(load_recipe("lite"), data(per_class, groups))
    assert (recipe.protocol.kind, said) == (kind, why)


@pytest.mark.parametrize(
    ("name", "settings", "kind"),
    [
        ("lite", ["protocol.kind=split"], "split"),
        ("lite", ["protocol.test_fraction=0.3"], "split"),
        ("lite", ["protocol.seeds=3"], "split"),
        ("lite", ["protocol.folds=3"], "folds"),
        ("lite", ["protocol.kind=leave_one_group_out"], "leave_one_group_out"),
        ("lite", ["streams.rgb.augment={flip: 0.5, copies: 2}"], "folds"),
        ("lite", ["temporal={kind: gru}", "streams.rgb.augment={flip: 0.5, on_the_fly: true}"], "split"),
        ("lite", ["streams.rgb.train_blocks=1", "training.backbone={unit: clip}"], "split"),
        ("strong", [], "folds"),
        ("tiny", [], "split"),
        ("dual-cnn-gru", [], "split"),
        ("vgg16-lstm", [], "split"),
    ],
)
def test_by_what_was_asked_for_and_what_is_trained(name: str, settings: list[str], kind: str) -> None:
    assert choose_protocol(load_recipe(name, settings), data(20))[0].protocol.kind == kind


def test_a_split_of_the_data_is_kept() -> None:
    small = data(20)
    split = tuple(replace(r, split="test" if i % 4 else "train") for i, r in enumerate(small.records))
    assert choose_protocol(load_recipe("lite"), replace(small, records=split))[0].protocol.kind == "split"


def test_a_class_of_one_group_is_refused_as_ever() -> None:
    records = tuple(replace(r, group=f"g{r.label}") for r in data(20).records)
    with pytest.raises(UsageError, match="has a single group"):
        choose_protocol(load_recipe("lite"), replace(data(20), records=records))
