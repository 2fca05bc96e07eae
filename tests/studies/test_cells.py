"""Cells: their folders, their number, and the few videos of --quick."""

from __future__ import annotations

import pytest

from kinema.errors import UsageError
from kinema.resources import Resources
from kinema.studies.cells import make_cells, plan_rows, quick_rounds
from kinema.studies.load import load_study
from kinema.studies.schema import Quick
from support.rounds import one_round


def rows_of(*names: str) -> list:
    study = load_study({"name": "mine", "recipe": "tiny", "rows": [{"name": name} for name in names]})
    return plan_rows(study, [], Resources(weights="none"))[0]


def test_every_row_meets_every_round_in_a_folder_of_its_own() -> None:
    made = [one_round("split 1"), one_round("split 2"), one_round("split 1", seed=1)]
    cells = make_cells(rows_of("L = 10", "L: 10", "..", "Ø"), made, "folder")
    assert len(cells) == 12
    assert len({cell.folder.as_posix().lower() for cell in cells}) == 12
    assert all(part.isascii() and ".." not in part for cell in cells for part in cell.folder.parts)
    assert [c.planned.name for c in cells[:4]] == ["L = 10"] * 3 + ["L: 10"]


def test_too_many_cells_are_refused() -> None:
    made = [one_round(f"fold {n}", labels="ab") for n in range(400)]
    with pytest.raises(UsageError, match="1200 cells, at most 1000"):
        make_cells(rows_of("a", "b", "c"), made, "folder")


def test_quick_takes_few_videos_of_many_groups_and_moves_none() -> None:
    made = [one_round(f"split {n}", seed) for seed in (0, 1) for n in range(1, 6)]
    cut = quick_rounds(made, Quick(classes=3, train=4, test=2))
    assert [(one.part, one.seed) for one in cut] == [("split 1", 0), ("split 2", 0), ("split 3", 0)]
    for one, whole in zip(cut, made, strict=False):
        assert one.dataset.labels == ("a", "b", "c")
        assert len(one.dataset.part("train")) == 12
        assert len(one.dataset.part("test")) == 6
        assert set(one.dataset.records) <= set(whole.dataset.records)
        assert len({r.group for r in one.dataset.part("train") if r.label == "a"}) == 4


def test_quick_needs_two_classes_on_both_sides() -> None:
    with pytest.raises(UsageError, match="two classes"):
        quick_rounds([one_round(tested=10)], Quick())
