"""What the runs of a protocol's rounds, in `OUT/rounds`, say of themselves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..evaluation.predictions import Answers, read_answers
from ..evaluation.rounds import Round
from ..recipe import Protocol, Recipe, changed

if TYPE_CHECKING:
    from ..training.stage import Row


def round_folder(one: Round, out: Path) -> Path:
    """Where a round is a run of its own."""
    return out / "rounds" / one.folder


def round_recipe(recipe: Recipe, one: Round) -> Recipe:
    """The recipe of one round: its own seed, on one given split."""
    return changed(
        recipe, {"training.seed": one.seed, "protocol": Protocol(kind="split").model_dump(mode="json")}
    )


def round_answers(made: Sequence[Round], out: Path) -> list[Answers]:
    """What each round answered for its test videos."""
    return [
        read_answers(round_folder(one, out) / "predictions.csv", one.dataset.part("test")) for one in made
    ]


def round_history(one: Round, out: Path) -> list[Row]:
    """The rows of a round's history.jsonl."""
    return read_history(round_folder(one, out))


def read_history(run: Path) -> list[Row]:
    """The rows of a run's history.jsonl, one an epoch."""
    rows = (run / "history.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(row) for row in rows]
