"""Which row to take, and the command that trains it."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from ..datasets.dataset import some
from .compare import compare
from .results import RowResult
from .schema import Study, StudyRow


@dataclass(frozen=True, slots=True)
class Advice:
    """What is said of the best row, and the command that trains it."""

    row: str
    said: str
    command: str

    def __str__(self) -> str:
        return f"{self.said}. Train it: {self.command}"


def advice(
    study: Study, rows: Sequence[RowResult], units: Mapping[str, str], data: str, overrides: Sequence[str]
) -> Advice | None:
    """The best row, the rows that the videos do not tell apart from it, and `kinema train` for it."""
    known = [row for row in rows if row.metrics]
    if not known:
        return None
    best = max(known, key=lambda row: row.metrics["accuracy"])
    against = compare({row.name: row.hits() for row in known}, units, best.name)
    equal = [one.better for one in against if not one.significant]
    said = f"Best: {best.name}, {best.metrics['accuracy']:.1%}"
    if equal:
        said += f"; these videos do not tell it apart from {some(equal, len(equal))}"
    own = next(row for row in study.all_rows() if row.name == best.name)
    return Advice(best.name, said, command(study, own, data, overrides))


def command(study: Study, row: StudyRow, data: str, overrides: Sequence[str]) -> str:
    """`kinema train` with a row's recipe and values."""
    own = [f"{key}={_flow(value)}" for key, value in study.set.items()]
    own += [change for change in overrides if not change.startswith("protocol.")]
    own += [f"{key}={_flow(value)}" for key, value in row.set.items()]
    words = ["kinema", "train", data, "--recipe", row.recipe or study.recipe]
    for change in own:
        words += ["--set", change]
    return shlex.join([*words, "--out", "run"])


def _flow(value: Any) -> str:
    """A value on one line of YAML."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000)
    return text.removesuffix("...\n").strip()
