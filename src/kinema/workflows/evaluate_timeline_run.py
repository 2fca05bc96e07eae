"""`kinema evaluate` of a run that answers when."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..atomic import write_text
from ..datasets.timeline import load_timelines
from ..errors import UsageError
from ..inference.predictor import LoadedRun
from ..model.timeline import TimelineRecognizer
from .context import Context
from .evaluate import unseen
from .evaluate_timeline import evaluate_timeline
from .extract import extract_streams
from .spent import Spent
from .timeline_items import fitted_to_files
from .timeline_report import write_timeline_report
from .write_report import RunFacts


def evaluate_timeline_run(
    run: LoadedRun, data: str | Path, layout: str, split: int, folder: Path | None, context: Context
) -> dict[str, Any]:
    """Figures of the test files of `data`, of all files where it has no split; as `evaluate` says.

    Files that the run was trained on are left out. The windows of a clip model, which would have to be
    trained, are not among the baselines.
    """
    model = run.sequences.model
    assert isinstance(model, TimelineRecognizer)
    dataset = context.identified(load_timelines(data, layout=layout, split=split))
    unknown = sorted(set(dataset.labels) - set(run.labels))
    if unknown:
        raise UsageError(f"class '{unknown[0]}' of {data} is unknown to run {run.folder}; train on this data")
    if not dataset.has_split:
        tested = [replace(r, split="test") for r in dataset.records]
        dataset = dataset.with_split(tested, "no split: all files tested")
    fresh, warnings = unseen(run.folder, dataset.part("test"), context.events)
    extracted = extract_streams(fresh, run.streams, context)
    labelled = replace(dataset, labels=run.labels, records=tuple(fresh))
    fitted, told = fitted_to_files(labelled, extracted)
    answers, metrics = evaluate_timeline(model, fitted, extracted)
    metrics |= {
        "n_trained_on": len(dataset.part("test")) - len(fresh),
        "quarantined": len(extracted.quarantined),
        "absent": len(dataset.absent),
        "computed_with": extracted.computed(),
    }
    if folder is not None:
        spent = Spent(memory=context.memory.bytes)
        spent.extraction(extracted.reports)
        warnings = [*warnings, *dataset.warnings, *told]
        write_text(folder / "metrics.json", json.dumps(metrics, indent=2) + "\n")
        facts = RunFacts(folder, run.config, fitted, extracted, model, [], spent, warnings)
        write_timeline_report(facts, answers, metrics)
    return metrics
