"""Fit an anomaly detector on normal videos: embeddings, autoencoder, threshold, report."""

import json
import os
from pathlib import Path
from typing import Any

from ..anomaly.detector import save_detector
from ..atomic import write_text
from ..datasets import Dataset, load_dataset
from ..errors import UsageError
from ..inference.predictor import load
from ..resources import Resources
from .anomaly_fit import AnomalyOptions, fit_detector
from .anomaly_report import write_anomaly_report
from .context import Context
from .events import SILENT, Events
from .extract import extract_streams
from .folders import writable


def fit_anomaly(
    run: str | Path,
    data: str | Path,
    out: str | Path,
    *,
    options: AnomalyOptions | None = None,
    resources: Resources | None = None,
    events: Events = SILENT,
) -> dict[str, Any]:
    """Fit on the normal videos of `data`, write the detector and its report to `out`; returns metrics.json.

    A folder of normal videos is enough, in class folders or loose. With `options.normal` the other classes
    count as anomalies and give a ROC; they are used for nothing else. Where the data has its own split, its
    training part fits the autoencoder and the rest sets the threshold; else whole groups are held out where
    groups are known. Raises `UsageError` for too few videos or unknown classes, and `WorkError`.
    """
    options = options or AnomalyOptions()
    context = Context(resources or Resources(), events)
    loaded = load(run, context.resources)
    dataset = load_dataset(data, layout=options.layout, split=options.split)
    _check(dataset, options)
    folder = writable(Path(out))
    extracted = extract_streams(dataset.records, loaded.streams, context)
    judged = fit_detector(loaded, extracted, options, run=os.path.abspath(run), events=events)
    save_detector(folder, judged.detector)
    write_text(folder / "metrics.json", json.dumps(judged.metrics, indent=2) + "\n")
    events.step("writing the report")
    write_anomaly_report(folder, dataset, judged)
    events.note(judged.detector.threshold.certainty)
    return judged.metrics


def _check(dataset: Dataset, options: AnomalyOptions) -> None:
    unknown = sorted(set(options.normal) - set(dataset.labels))
    if unknown:
        raise UsageError(
            f"no class '{unknown[0]}' in {dataset.root}; it has {', '.join(dataset.labels) or 'no labels'}"
        )
