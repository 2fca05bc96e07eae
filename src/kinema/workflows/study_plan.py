"""What a study would compute, and how long it would take by a few measured videos. Nothing of it is kept."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..datasets.dataset import counted
from ..evaluation.rounds import union
from ..extraction.extract import items_of
from ..extraction.loaded import NO_WEIGHTS, LoadedStream, load_streams
from ..features.store import FeatureStore
from ..model.build import build_recognizer
from ..model.items import FeatureItem
from ..model.recognizer import JointRecognizer
from ..recipe import Recipe, changed
from ..resources import Resources
from ..studies.cells import Cell
from ..training.closed import fit_closed
from ..training.fit import fit
from ..training.stage import FitOptions
from ..types import VideoRecord
from .context import Context
from .events import SILENT, Events, duration, megabytes
from .study import StudyOptions, StudyPlan, plan_study
from .study_measure import VIDEOS, few_videos, passing_store


def foretell(
    study: str | Path,
    data: str | Path,
    overrides: Iterable[str],
    options: StudyOptions,
    resources: Resources | None = None,
    events: Events = SILENT,
) -> dict[str, Any]:
    """Cells, features to extract, and seconds, from a few videos extracted into a store of their own.

    `said` is the same in lines. Training is timed by one epoch on those videos; it is None where a recipe
    trains its backbone, or its streams one by one. Raises as `run_study` does before its work.
    """
    context = Context(resources or Resources(), events)
    plan = plan_study(study, data, overrides, options, context)
    extraction: dict[str, dict[str, Any]] = {}
    training: float | None = 0.0
    with passing_store() as store:  # one for all rows: those of the same streams share what is measured
        for planned in plan.rows:
            cells = [c for c in plan.cells if c.planned is planned]
            events.step(f"measuring {planned.name} on a few videos")
            streams = load_streams(planned.recipe.streams, context.resources, advice=NO_WEIGHTS)
            for stream in streams.values():
                fingerprint = stream.shelf(context.store).fingerprint
                if fingerprint not in extraction:
                    extraction[fingerprint] = _of_stream(stream, cells, store, context)
            if planned.row.svm_on is None:
                seconds = _training_seconds(cells, streams, store, context)
                training = None if training is None or seconds is None else training + seconds
    facts = {
        "study": plan.study.name,
        "rows": [planned.name for planned in plan.rows],
        "rounds": [f"{one.part}, seed {one.seed}" for one in plan.made],
        "cells": len(plan.cells),
        "extraction": list(extraction.values()),
        "extraction_seconds": sum(own["seconds"] for own in extraction.values()),
        "training_seconds": training,
    }
    return facts | {"said": _lines(plan, facts)}


def _of_stream(
    stream: LoadedStream, cells: Sequence[Cell], store: FeatureStore, context: Context
) -> dict[str, Any]:
    """The sequences that the store lacks of one stream, and what they would take."""
    records = union([c.one for c in cells])
    copies = stream.spec.copies
    items = items_of(records, context.digests(records), lambda r: copies if r.split == "train" else 0)
    missing = sum(i.key not in stream.shelf(context.store, i.variant) for i in items)
    facts = {"stream": stream.name, "backbones": list(stream.spec.backbones), "sequences": len(items)}
    facts |= {"fingerprint": stream.shelf(context.store).fingerprint, "missing": missing}
    if not missing:
        return facts | {"seconds": 0.0, "bytes": 0}
    found = few_videos({stream.name: stream}, _some(records), store, context)
    return facts | {"seconds": found.seconds * missing, "bytes": round(found.size * missing)}


def _training_seconds(
    cells: Sequence[Cell], streams: dict[str, LoadedStream], store: FeatureStore, context: Context
) -> float | None:
    """Seconds to train all cells of one row, by one epoch on a few videos; None where that says nothing."""
    first = cells[0]
    recipe = changed(first.recipe, {"data.classes": len(first.one.dataset.labels), "training.epochs": 1})
    if recipe.training.stages == "separate" or not recipe.on_stored_features:
        return None
    videos = _some(union([c.one for c in cells]))
    items = few_videos(streams, videos, store, context).items
    pace = _epoch_seconds(recipe, streams, items) / len(items)
    epochs = 1 if recipe.temporal.closed_form else first.recipe.training.epochs
    copies = 1 + max(s.spec.copies for s in streams.values())
    return sum(pace * epochs * copies * len(c.one.dataset.part("train")) for c in cells)


def _epoch_seconds(recipe: Recipe, streams: dict[str, LoadedStream], items: Sequence[FeatureItem]) -> float:
    labelled = [FeatureItem(i.files, n % recipe.data.classes, str(n)) for n, i in enumerate(items)]
    model = build_recognizer(recipe, {n: s.dim for n, s in streams.items()}, recipe.data.classes)
    assert isinstance(model, JointRecognizer)
    if recipe.temporal.closed_form:
        started = time.monotonic()
        fit_closed(model, labelled)
        return time.monotonic() - started
    (row,) = fit(model, labelled, [], FitOptions(None))
    return float(row["seconds"])


def _some(records: Sequence[VideoRecord]) -> list[VideoRecord]:
    """A few records, spread over all of them."""
    step = max(1, len(records) // VIDEOS)
    return list(records[::step])[:VIDEOS]


def _lines(plan: StudyPlan, facts: dict[str, Any]) -> list[str]:
    rounds, rows = counted(len(plan.made), "round"), counted(len(plan.rows), "row")
    lines = [f"{plan.study.name}: {counted(facts['cells'], 'cell')} ({rows} in {rounds})"]
    lines += [f"  {name}" for name in facts["rows"]]
    for own in facts["extraction"]:
        names = ", ".join(own["backbones"])
        have = own["sequences"] - own["missing"]
        what = f"features of {names}: {counted(own['missing'], 'sequence')} to extract, {have} in the store"
        cost = f"; about {duration(own['seconds'])}, {megabytes(own['bytes'])}" if own["missing"] else ""
        lines.append(what + cost)
    training = facts["training_seconds"]
    known = "unknown: a backbone or streams one by one" if training is None else f"about {duration(training)}"
    lines.append(f"training of all cells: {known}")
    return lines
