"""A study's folder: whose it is, which cells are done, and what a stream's features cost.

`study.json` says which study on which videos the folder belongs to, and is written before the first cell.
Each cell is a run in a folder of its own; its `cell.json`, written last, makes it finished. What is there
after a kill at any moment is therefore either finished or made again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from ..atomic import write_text
from ..errors import UsageError
from ..evaluation.predictions import read_answers
from ..evaluation.rounds import Round
from ..keys import fingerprint
from ..recipe import Protocol
from ..studies.cells import Cell, PlannedRow
from ..studies.results import CellResult
from ..studies.schema import Study
from .round_runs import read_history

if TYPE_CHECKING:
    from ..extraction.extracted import Extracted

IDENTITY, RECORD, COSTS = "study.json", "cell.json", "extraction.json"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder; a lock that a killed process held is free again. Raises `UsageError` if it is held."""
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UsageError(
            f"another process is running a study in {folder}; wait for it, or choose another --out"
        ) from None
    try:
        yield
    finally:
        lock.release()


def claim(
    folder: Path,
    study: Study,
    rows: Sequence[PlannedRow],
    protocol: Protocol,
    made: Sequence[Round],
    how: str,
) -> None:
    """Make the folder this study's, or find that it is. `how` holds what else decides the results.

    Raises `UsageError` where it belongs to another study, to other settings of it, or to other videos.
    """
    identity = {
        "name": study.name,
        "settings": _settings(study, rows, protocol, how),
        "videos": fingerprint({"rounds": [_videos(one) for one in made]}),
        "study": study.model_dump(mode="json"),
    }
    path = folder / IDENTITY
    if not path.exists():
        write_text(path, json.dumps(identity, indent=2) + "\n")
        return
    held = _read(path)
    if held.get("name") != study.name:
        raise UsageError(f"{folder} holds study {held.get('name')}; choose another --out")
    what = {"settings": "with other rows or settings", "videos": "on other videos or splits"}
    for key, words in what.items():
        if held.get(key) != identity[key]:
            raise UsageError(
                f"{folder} holds study {study.name} {words}; its finished cells are kept: take another --out,"
                " or put things back as they were"
            )


def _settings(study: Study, rows: Sequence[PlannedRow], protocol: Protocol, how: str) -> str:
    """Digest of all that decides a cell; what only shows results may be changed and drawn again."""
    described = {"paper", "notes", "summary"}
    return fingerprint(
        {
            "rows": [
                {
                    "name": planned.name,
                    "recipe": planned.recipe.model_dump(mode="json", exclude=described),
                    "rounds": [one.model_dump(mode="json") for one in planned.rounds],
                    "svm_on": planned.row.svm_on,
                    "workers": planned.row.workers,
                }
                for planned in rows
            ],
            "protocol": protocol.model_dump(mode="json"),
            "split": study.split,
            "how": how,
        }
    )


def _videos(one: Round) -> list[Any]:
    records = [[r.content or r.name, r.part, r.label, r.group, r.split] for r in one.dataset.records]
    return [one.part, one.seed, records]


def read_cell(folder: Path, cell: Cell) -> CellResult:
    """How a cell stands; one whose files are damaged waits to be made again."""
    place = folder / cell.folder
    record = _read(place / RECORD)
    if record.get("state") == "failed":
        return CellResult(cell, "failed", str(record.get("reason", "")))
    if record.get("state") != "done":
        return CellResult(cell)
    try:
        metrics = json.loads((place / "metrics.json").read_text(encoding="utf-8"))
        answers = read_answers(place / "predictions.csv", cell.one.dataset.part("test"))
        history = read_history(place)
    except (OSError, ValueError):
        return CellResult(cell)
    cost, warnings = record["cost"], tuple(record["warnings"])
    return CellResult(cell, "done", "", metrics, cost, warnings, answers, history)


def write_cell(folder: Path, cell: Cell, record: Mapping[str, Any]) -> None:
    """Say that a cell is done or has failed."""
    place = folder / cell.folder
    place.mkdir(parents=True, exist_ok=True)
    write_text(place / RECORD, json.dumps(record, indent=2) + "\n")


def note_costs(folder: Path, extracted: Extracted) -> None:
    """Add what an extraction took to what is known of its streams' features."""
    known = _read(folder / COSTS)
    for report in extracted.reports.values():
        if report.extracted:
            own = known.setdefault(report.fingerprint, {"seconds": 0.0, "sequences": 0})
            own["seconds"] += report.seconds
            own["sequences"] += report.extracted
    write_text(folder / COSTS, json.dumps(known, indent=2) + "\n")


def extraction_seconds(folder: Path, extracted: Extracted) -> float | None:
    """Seconds for all sequences of a recipe, at the pace that was measured; None where none was."""
    known, total = _read(folder / COSTS), 0.0
    for report in extracted.reports.values():
        own = known.get(report.fingerprint)
        if own is None:
            return None
        total += own["seconds"] / own["sequences"] * (report.extracted + report.reused)
    return total


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
