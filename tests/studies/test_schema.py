"""What a study file may say, and the one line that answers anything else."""

from __future__ import annotations

from pathlib import Path

import pytest

from kinema.errors import UsageError
from kinema.resources import Resources
from kinema.studies.cells import plan_rows
from kinema.studies.load import load_study, study_names

NONE = Resources(weights="none")


def study(**keys: object) -> dict[str, object]:
    return {"name": "mine", "recipe": "tiny", **keys}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"colums": ["accuracy"]}, r"unknown key 'colums' \(did you mean 'columns'\?\)"),
        ({"columns": ["acuracy"]}, r"unknown column 'acuracy' \(did you mean 'accuracy'\?\)"),
        ({"columns": []}, "columns: .*at least 1"),
        ({"rows": [{"name": "a"}, {"name": "a"}]}, "two rows are called 'a'"),
        ({"rows": [{"name": "a"}], "grid": {"temporal.units": [1]}}, "leave one of them out"),
        ({"rows": [{"name": "a", "st": {}}]}, r"unknown key 'rows\.0\.st' \(did you mean 'set'\?\)"),
        ({"reference": "b", "rows": [{"name": "a"}]}, "no row is called 'b'"),
        ({"label": "{temporal.unit}", "grid": {"temporal.units": [1]}}, r"`label` names temporal\.unit"),
        ({"figures": [{"kind": "line"}]}, "`x`, the key that varies"),
        ({"figures": [{"kind": "pie"}]}, "'line', 'curves', 'confusion' or 'clips'"),
        (
            {"grid": {f"training.{k}": list(range(1, 11)) for k in ("seed", "batch", "epochs", "x")}},
            "10000 cells",
        ),
        ({"grid": {"temporal.units": list(range(100))}, "protocol": {"seeds": 100}}, "10000 cells"),
        ({"rows": [{"name": "a", "svm_on": "b"}, {"name": "b"}]}, "takes a trained row before it"),
        ({"rows": [{"name": "b"}, {"name": "a", "svm_on": "b", "set": {"data.classes": 3}}]}, "no `set`"),
    ],
)
def test_a_wrong_study_is_refused_in_one_line(keys: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        load_study(study(**keys))
    assert str(caught.value).startswith("study mine: ")


@pytest.mark.parametrize(
    ("keys", "overrides", "message"),
    [
        ({"recipe": "tinny"}, [], r"row 'tinny': unknown recipe 'tinny' \(did you mean 'tiny'\?\)"),
        ({"grid": {"temporal.unit": [1]}}, [], r"row 'temporal\.unit=1': .*\(did you mean 'units'\?\)"),
        ({"rows": [{"name": "two streams", "set": {"fusion.kind": "sum"}}]}, [], "row 'two streams'"),
        (
            {"rows": [{"name": "a", "rounds": [{"round": "split 1", "set": {"temporal.unit": 1}}]}]},
            [],
            "row 'a': .*unknown key",
        ),
        ({"grid": {"temporal.units": [1, 2]}}, ["temporal.units=3"], "has no effect: study mine varies it"),
        ({}, ["protocol.kind=thirds"], "protocol.kind"),
    ],
)
def test_an_impossible_row_is_told_before_any_work(keys: dict, overrides: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        plan_rows(load_study(study(**keys)), overrides, NONE)


def test_a_grid_is_every_combination_in_the_order_of_the_file() -> None:
    found = load_study(
        study(
            grid={"temporal.units": [8, 4], "training.lr": [0.1, 0.2]}, label="{temporal.units}/{training.lr}"
        )
    )
    assert [row.name for row in found.all_rows()] == ["8/0.1", "8/0.2", "4/0.1", "4/0.2"]
    rows, _ = plan_rows(found, [], NONE)
    assert [(r.recipe.temporal.units, r.recipe.training.lr) for r in rows] == [
        (8, 0.1),
        (8, 0.2),
        (4, 0.1),
        (4, 0.2),
    ]


def test_what_the_caller_sets_counts_in_all_rows_and_not_over_theirs() -> None:
    found = load_study(
        study(set={"training.lr": 0.5}, rows=[{"name": "a"}, {"name": "b", "set": {"training.batch": 2}}])
    )
    rows, protocol = plan_rows(found, ["training.lr=0.1", "training.batch=3", "protocol.seeds=2"], NONE)
    assert [(r.recipe.training.lr, r.recipe.training.batch) for r in rows] == [(0.1, 3), (0.1, 2)]
    assert protocol.seeds == 2


@pytest.mark.parametrize("text", ["", "- a", "a: [", "name: Müll"])
def test_a_file_that_is_no_study_is_one_line(text: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match=r"study file .*mine\.yaml"):
        load_study(file)


def test_unknown_names_say_which_is_near(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"unknown study 'i3d-gru-tabel-1' \(did you mean 'i3d-gru-table-1'\?\)"
    ):
        load_study("i3d-gru-tabel-1")
    with pytest.raises(UsageError, match=r"cannot read study file .*No such file"):
        load_study(tmp_path / "gone.yaml")


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("name", study_names())
def test_every_study_that_is_listed_can_be_planned(name: str, quick: bool) -> None:
    found = load_study(name)
    assert found.name == name
    rows, protocol = plan_rows(found, [], NONE, quick=quick)
    assert len({planned.name for planned in rows}) == len(rows)
    assert protocol.kind != "auto"
    most = max(planned.recipe.training.epochs for planned in rows)
    assert most <= 3 if quick else most >= 1


def test_i3d_grus_table_5_takes_other_segments_on_one_split() -> None:
    (planned,), _ = plan_rows(load_study("i3d-gru-table-5"), [], NONE)

    def lengths(part: str, layout: str) -> list[int]:
        return [s.sampling.length for s in planned.of_round(part, layout).streams.values()]

    assert lengths("split 1", "hmdb51") == [10, 10]
    assert lengths("split 2", "hmdb51") == lengths("split 1", "ucf101") == [20, 20]
