"""A study as frozen, validated data: what varies, how it is measured, what is shown beside it."""

import re
from itertools import product
from math import prod
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from ..recipe import Protocol, did_you_mean
from ..settings import Count, Settings
from .columns import COLUMNS

# More trainings than anybody waits for; a grid that asks for more is a slip.
MOST_CELLS = 1000
_KEY = re.compile(r"\{([\w.]+)\}")


class RoundSettings(Settings):
    """Settings of one round alone, such as `split 1`; `layout` restricts them to data of that layout."""

    round: str
    layout: str | None = None
    set: dict[str, Any]


class StudyRow(Settings):
    """One row: the study's recipe (or another) with values of its own.

    `svm_on` names a row of one stream whose trained model is taken as it is, with a linear SVM in place of
    its softmax. `workers` decode while it is measured; `quick` are its values of `--quick`.
    """

    name: str
    recipe: str | None = None
    set: dict[str, Any] = Field(default={})
    rounds: tuple[RoundSettings, ...] = ()
    quick: dict[str, Any] = Field(default={})
    workers: Count | None = None
    svm_on: str | None = None


class StudyPaper(Settings):
    """The paper's values: the recipe whose `paper` block holds them, and which of its places are shown."""

    recipe: str
    places: tuple[str, ...] = ()


class StudyFigure(Settings):
    """What is drawn below the table.

    `line`: a column over the values of one key, `x`. `curves`: loss and accuracy by epoch, of all rows on
    held-out videos, or of the row `of` in training too. `confusion`: a matrix a row. `clips`: the surest hits
    and the worst misses of the row `of`, or of the first one.
    """

    kind: Literal["line", "curves", "confusion", "clips"]
    title: str = ""
    x: str | None = None
    y: str = "accuracy"
    of: str | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.kind == "line") != (self.x is not None):
            raise ValueError("`x`, the key that varies, is for figures of kind `line`, which need it")
        _check_columns([self.y])
        return self


class Quick(Settings):
    """What `--quick` changes, so that the study ends in minutes: further values, and the size of the data."""

    set: dict[str, Any] = Field(default={})
    classes: Annotated[int, Field(ge=2)] = 3
    train: Count = 4
    test: Count = 2
    epochs: Count = 3


class Study(Settings):
    """One table or figure: rows (named, or a grid over recipe keys) under a protocol.

    `label` names the rows of a grid: `"{temporal.units} units"`. `across` puts the rows side by side and the
    rounds below each other. Every other row is compared with `reference`, or with the first. `advises` ends
    in the command that trains the best row.
    """

    name: str
    title: str = ""
    summary: str = ""
    recipe: str = "lite"
    paper: StudyPaper | None = None
    set: dict[str, Any] = Field(default={})
    rows: tuple[StudyRow, ...] = ()
    grid: dict[str, Annotated[tuple[Any, ...], Field(min_length=1)]] = Field(default={})
    label: str = ""
    protocol: Protocol = Protocol()
    split: Count = 1
    columns: Annotated[tuple[str, ...], Field(min_length=1)] = ("accuracy",)
    across: bool = False
    reference: str | None = None
    figures: tuple[StudyFigure, ...] = ()
    advises: bool = False
    notes: tuple[str, ...] = ()
    quick: Quick = Quick()

    @field_validator("columns")
    @classmethod
    def _known(cls, columns: tuple[str, ...]) -> tuple[str, ...]:
        _check_columns(columns)
        return columns

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.rows and self.grid:
            raise ValueError("a study varies `rows` or a `grid`; leave one of them out")
        cells = prod(len(values) for values in self.grid.values()) * self.protocol.seeds
        if cells > MOST_CELLS:
            raise ValueError(
                f"the grid has {cells} cells, the most are {MOST_CELLS}; vary fewer keys or values"
            )
        unknown_key = next((key for key in _KEY.findall(self.label) if key not in self.grid), None)
        if unknown_key is not None:
            raise ValueError(f"`label` names {unknown_key}, which is no key of the grid")
        names = [row.name for row in self.all_rows()]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"two rows are called '{twice}'; give each a `name` of its own")
        for named in (self.reference, *(f.of for f in self.figures), *(r.svm_on for r in self.rows)):
            if named is not None and named not in names:
                raise ValueError(f"no row is called '{named}'{did_you_mean(named, names)}")
        self._check_svm()
        return self

    def _check_svm(self) -> None:
        """An SVM stands behind the row that it is fitted on, which is trained itself."""
        trained: set[str] = set()
        for row in self.rows:
            if row.svm_on is not None and (row.svm_on not in trained or row.set or row.recipe):
                raise ValueError(
                    f"row '{row.name}' takes a trained row before it as it is; no `set`, no `recipe`"
                )
            trained |= {row.name} if row.svm_on is None else set()

    def all_rows(self) -> tuple[StudyRow, ...]:
        """The rows, those of a grid written out; one row of the recipe as it is where nothing varies."""
        if not self.grid:
            return self.rows or (StudyRow(name=self.recipe),)
        combinations = [dict(zip(self.grid, values, strict=True)) for values in product(*self.grid.values())]
        return tuple(StudyRow(name=self._label(values), set=values) for values in combinations)

    def _label(self, values: dict[str, Any]) -> str:
        if not self.label:
            return ", ".join(f"{key}={value}" for key, value in values.items())
        return _KEY.sub(lambda found: str(values[found[1]]), self.label)


def _check_columns(columns: Any) -> None:
    for column in columns:
        if column not in COLUMNS:
            near = did_you_mean(column, COLUMNS)
            raise ValueError(f"unknown column '{column}'{near}; there are {', '.join(COLUMNS)}")
