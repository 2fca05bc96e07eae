"""The cells of a study: every row's recipe in every round. Plain data; nothing is read or trained here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..datasets import Dataset
from ..datasets.dataset import natural
from ..errors import UsageError
from ..evaluation.rounds import Round
from ..recipe import Protocol, Recipe, changed, load_recipe, resolve
from ..recipe.load import parse_override
from ..resources import Resources
from ..types import VideoRecord
from .schema import MOST_CELLS, Quick, RoundSettings, Study, StudyRow

QUICK_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """A row with its recipe, and the values that some rounds have instead."""

    row: StudyRow
    recipe: Recipe
    rounds: tuple[RoundSettings, ...] = ()

    @property
    def name(self) -> str:
        """The row's name."""
        return self.row.name

    def of_round(self, part: str, layout: str) -> Recipe:
        """The recipe in one round of data of this layout."""
        own = [r.set for r in self.rounds if r.round == part and r.layout in (None, layout)]
        return (
            changed(self.recipe, {k: v for values in own for k, v in values.items()}) if own else self.recipe
        )


@dataclass(frozen=True, slots=True)
class Cell:
    """One training: a row in one round, with a folder of its own below the study's."""

    planned: PlannedRow
    recipe: Recipe
    one: Round
    folder: Path

    @property
    def name(self) -> str:
        """`row, round`, and the seed."""
        return f"{self.planned.name}, {self.one.part}, seed {self.one.seed}"


def plan_rows(
    study: Study, overrides: Iterable[str], resources: Resources, *, quick: bool = False
) -> tuple[list[PlannedRow], Protocol]:
    """Every row with its recipe, and the protocol. All that is wrong with any of them is told here.

    `overrides` (`key=value`) change all rows; `protocol.key=value` changes the study's protocol. Raises
    `UsageError`, also for an override that the rows would undo.
    """
    given = dict(map(parse_override, overrides))
    of_protocol = {k.removeprefix("protocol."): v for k, v in given.items() if k.startswith("protocol.")}
    values = {k: v for k, v in given.items() if not k.startswith("protocol.")}
    _refuse_undone(study, values)
    rows = [_planned(study, row, values, resources, quick) for row in study.all_rows()]
    base = changed(load_recipe("lite"), {"protocol": study.protocol.model_dump(mode="json")})
    protocol = changed(base, {f"protocol.{k}": v for k, v in of_protocol.items()}).protocol
    return rows, Protocol.model_validate(protocol.model_dump() | ({"seeds": 1} if quick else {}))


def make_cells(rows: Sequence[PlannedRow], made: Sequence[Round], layout: str) -> list[Cell]:
    """One cell a row and round, a row's rounds behind each other. Raises `UsageError` for too many."""
    if len(rows) * len(made) > MOST_CELLS:
        raise UsageError(
            f"{len(rows)} rows in {len(made)} rounds are {len(rows) * len(made)} cells, at most {MOST_CELLS}:"
            " vary fewer values, or choose a protocol of fewer rounds (--set protocol.kind=...)"
        )
    folders = _folder_names([planned.name for planned in rows])
    return [
        Cell(planned, planned.of_round(one.part, layout), one, Path("cells") / folder / one.folder)
        for planned, folder in zip(rows, folders, strict=True)
        for one in made
    ]


def _planned(
    study: Study, row: StudyRow, given: Mapping[str, Any], resources: Resources, quick: bool
) -> PlannedRow:
    if row.svm_on is not None:  # shares everything with the row that it is fitted on
        own = next(r for r in study.all_rows() if r.name == row.svm_on)
        return replace(_planned(study, own, given, resources, quick), row=row)
    try:
        smaller = {k: v for k, v in study.quick.set.items() if k not in given} if quick else {}
        shared = [*study.set.items(), *given.items(), *smaller.items()]
        recipe = changed(load_recipe(row.recipe or study.recipe, values=shared), row.set)
        if quick:  # once more where the row has replaced a whole section
            again = {k: v for k, v in {**smaller, **row.quick}.items() if k not in row.set}
            recipe = _quicker(changed(recipe, _of_streams_there(recipe, again)), study.quick)
        planned = PlannedRow(row, resolve(recipe, (), resources), row.rounds)
        for one in row.rounds:
            planned.of_round(one.round, one.layout or "")
    except UsageError as error:
        raise UsageError(f"study {study.name}, row '{row.name}': {error}") from None
    return planned


def _of_streams_there(recipe: Recipe, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values without those of streams that the recipe leaves out."""

    def there(key: str) -> bool:
        section, _, rest = key.partition(".")
        return section != "streams" or rest.partition(".")[0] in recipe.streams

    return {key: value for key, value in values.items() if there(key)}


def _quicker(recipe: Recipe, quick: Quick) -> Recipe:
    """The recipe with fewer epochs, and patience no longer than they are."""
    training = recipe.training
    values: dict[str, Any] = {"training.epochs": min(training.epochs, quick.epochs)}
    if training.backbone is not None:
        values["training.backbone.epochs"] = min(training.backbone.epochs, quick.epochs)
    return changed(recipe, values)


def _refuse_undone(study: Study, given: Mapping[str, Any]) -> None:
    varied = set(study.grid)
    for key in given:
        if key in varied:
            raise UsageError(f"--set {key} has no effect: study {study.name} varies it; leave it out")


def _folder_names(names: Sequence[str]) -> list[str]:
    """Names as folders of letters, digits and dashes; a number where two would be the same."""
    found: list[str] = []
    for number, name in enumerate(names):
        plain = "".join(c if c.isalnum() and c.isascii() else "-" for c in name).strip("-")[:60]
        found.append(plain if plain and plain.lower() not in map(str.lower, found) else f"{plain}-{number}")
    return found


def quick_rounds(made: Sequence[Round], quick: Quick) -> list[Round]:
    """The first few rounds, with a few videos of a few classes; whole groups stay where they are.

    Raises `UsageError` where too few classes are both trained on and tested.
    """
    first = [one for one in made if one.seed == made[0].seed][:QUICK_ROUNDS]
    labels = [
        label
        for label in first[0].dataset.labels
        if all(_has(one, label, "train") for one in first) and any(_has(one, label, "test") for one in first)
    ][: quick.classes]
    if len(labels) < 2:
        raise UsageError("--quick needs two classes with videos in train and in test; leave --quick out")
    cut = [replace(one, dataset=_cut(one, labels, quick)) for one in first]
    return [one for one in cut if one.dataset.part("test")]


def _has(one: Round, label: str, split: str) -> bool:
    return any(r.label == label for r in one.dataset.part(split))


def _cut(one: Round, labels: Sequence[str], quick: Quick) -> Dataset:
    wanted = {"train": quick.train, "val": quick.test, "test": quick.test}
    kept = [
        record
        for split, number in wanted.items()
        for label in labels
        for record in _spread([r for r in one.dataset.part(split) if r.label == label])[:number]
    ]
    return replace(one.dataset, labels=tuple(labels), records=tuple(kept))


def _spread(records: Sequence[VideoRecord]) -> list[VideoRecord]:
    """The first video of each group, then the second ones, and so on."""
    turn: dict[str, int] = {}
    ranked = []
    for record in sorted(records, key=lambda r: natural(r.id)):
        group = record.group or ""
        turn[group] = turn.get(group, 0) + 1
        ranked.append((turn[group] if record.group else 0, natural(group), natural(record.id), record))
    return [record for *_, record in sorted(ranked, key=lambda row: row[:3])]
