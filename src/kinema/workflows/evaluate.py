"""`kinema evaluate`: a run's figures on videos that it has not seen."""

import json
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..buckets import delivered_folder, local_folder
from ..buckets.folder import named_as
from ..datasets import ensure_split, load_dataset
from ..errors import UsageError
from ..inference.load import load
from ..resources import Resources
from ..types import VideoRecord
from .compare_precision import compare_precision
from .context import Context
from .evaluate_model import evaluate_model
from .events import SILENT, Events
from .extract import extract_streams
from .folders import writable
from .seen import Seen
from .spent import Spent
from .write_report import RunFacts, data_warnings, write_evaluation


def evaluate(
    run: str | Path,
    data: str | Path,
    *,
    layout: str = "auto",
    split: int = 1,
    out: str | Path | None = None,
    compare: bool = False,
    resources: Resources | None = None,
    events: Events = SILENT,
) -> dict[str, Any]:
    """Metrics of a run on the test split of `data`; of all of it where it has no split.

    Videos that the run was trained on, recognised by their content, are counted in `n_trained_on` and are
    no part of anything else. `out` receives metrics.json, predictions.csv and report.html. With `compare` all
    is done in fp32, bf16 and int8 as well, see `compare_precision`; the rows are in `precisions`.
    Raises `UsageError` where the data has classes that the run does not know, and where the run was
    trained on all of it.
    """
    with delivered_folder(out) if out is not None else nullcontext() as folder:
        context, here = Context(resources or Resources(), events), local_folder(run)
        with named_as(run, here):
            return _evaluate(here, data, layout, split, folder, compare, context)


def _evaluate(
    run: Path,
    data: str | Path,
    layout: str,
    split: int,
    out: Path | None,
    compare: bool,
    context: Context,
) -> dict[str, Any]:
    loaded, events = load(run, context.resources), context.events
    folder = writable(out) if out is not None else None
    if loaded.config.recipe.timeline is not None:
        if compare:
            raise UsageError("precisions are compared for runs of clips; leave --compare-precision out")
        from .evaluate_timeline_run import evaluate_timeline_run

        return evaluate_timeline_run(loaded, data, layout, split, folder, context)
    dataset = load_dataset(data, layout=layout, split=split, whole_files=loaded.whole_files)
    if dataset.has_split:
        dataset = ensure_split(dataset)
    else:
        all_test = [replace(r, split="test") for r in dataset.records]
        dataset = dataset.with_split(all_test, "no split: all videos tested")
    unknown = sorted({r.label or "" for r in dataset.part("test")} - set(loaded.labels))
    if unknown:
        raise UsageError(
            f"class '{unknown[0]}' of {data} is unknown to run {run}, "
            f"which knows {', '.join(loaded.labels[:8])}; train on this data or take the class out"
        )
    fresh, warnings = unseen(run, context.identified(dataset).part("test"), events)
    extracted = extract_streams(fresh, loaded.streams, context)
    tested = replace(dataset, labels=loaded.labels, records=tuple(extracted.records))
    counts = loaded.config.data.get("train_counts") or [1] * len(loaded.labels)
    model = loaded.sequences.model
    evaluation = evaluate_model(model, extracted, tested, train_counts=counts)
    evaluation.metrics |= {
        "n_trained_on": len(dataset.part("test")) - len(fresh),
        "quarantined": len(extracted.quarantined),
        "absent": len(dataset.absent),
        "computed_with": extracted.computed(),
    }
    if compare:
        known = [r for r in dataset.records if r.split == "train"] or list(tested.records)
        evaluation.metrics["precisions"] = compare_precision(
            loaded, tested, evaluation.tested.scores, known, context
        )
    if folder is not None:
        spent = Spent(memory=context.memory.bytes)
        spent.extraction(extracted.reports)
        warnings += [*dataset.warnings, *data_warnings(tested, extracted)]
        facts = RunFacts(folder, loaded.config, tested, extracted, model, [], spent, warnings)
        write_evaluation(facts, evaluation, events)
    return evaluation.metrics


def unseen(run: Path, records: Sequence[VideoRecord], events: Events) -> tuple[list[VideoRecord], list[str]]:
    """The records that the run has not seen, and what is to be said of the others."""
    seen = Seen(run)
    fresh = [r for r in records if r not in seen]
    if records and not fresh:
        raise UsageError(
            f"run {run} was trained on all {len(records)} videos{_by_folds(run)};"
            " give videos that it has not seen"
        )
    warnings = []
    if len(fresh) < len(records):
        trained = f"{len(records) - len(fresh)} of {len(records)} videos were trained on"
        warnings.append(f"{trained}: they are left out of every figure")
    if not seen.known:
        warnings.append(f"run {run} does not say what it was trained on: its figures may include such videos")
    for text in warnings:
        events.warn(text)
    return fresh, warnings


def _by_folds(run: Path) -> str:
    """What folds measured of a run that was trained on all its videos; empty for any other."""
    try:
        metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
        metrics["protocol"]["trained_on"]
        return f"; folds measured its accuracy, {metrics['accuracy']:.1%} of {metrics['n_test']}"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
