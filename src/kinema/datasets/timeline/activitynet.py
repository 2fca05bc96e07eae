"""ActivityNet's JSON: a `database` of videos, each with its `subset` and its `annotations`."""

import json
from pathlib import Path
from typing import Any

from ...errors import UsageError
from .assemble import SPLIT_WORDS, Annotations, Mark


def detect(root: Path) -> bool:
    """Whether `root` is a JSON file."""
    return root.is_file() and root.suffix.lower() == ".json"


def read(root: Path, *, split: int | None = None) -> Annotations:
    """Videos are looked for below the file's folder by their key, with `v_` before it too, of any ending.

    The subset `testing` of ActivityNet has no annotations: where no video of it has any, `validation` is what
    the figures are measured on. Raises `UsageError` for another form.
    """
    try:
        raw = json.loads(root.read_text(encoding="utf-8-sig"))
        database: dict[str, Any] = raw["database"]
        marks = [mark for video, facts in database.items() for mark in _marks(root.name, video, facts)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(
            f"{root} is no annotation in ActivityNet's form ({type(error).__name__}: {error});"
            ' it has {"database": {NAME: {"annotations": [{"segment": [1.5, 4], "label": "x"}]}}}'
        ) from None
    return Annotations("activitynet", root, root.parent, marks, [])


def _marks(file: str, video: str, facts: dict[str, Any]) -> list[Mark]:
    split = str(facts.get("subset", "")).lower()
    split = split if split in SPLIT_WORDS else ""
    found = facts.get("annotations") or []
    if not found:  # of `testing` the annotations are kept back: nothing is known of it
        return [] if split == "testing" else [Mark(f"{file} {video}", video, None, split=split)]
    marks = []
    for number, one in enumerate(found, start=1):
        start, end = (float(side) for side in one["segment"])
        marks.append(Mark(f"{file} {video} segment {number}", video, str(one["label"]), start, end, split))
    return marks
