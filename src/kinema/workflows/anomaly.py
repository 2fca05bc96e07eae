"""Fit an anomaly detector: an autoencoder on some normal videos, a threshold on others; its report."""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from ..anomaly.autoencoder import fit_autoencoder, reconstruction_error
from ..anomaly.detector import Detector, save_detector
from ..anomaly.threshold import choose_threshold
from ..atomic import write_text
from ..datasets import load_dataset
from ..datasets.balance import choose_units
from ..datasets.dataset import class_name
from ..errors import UsageError
from ..evaluation.metrics import auroc_interval
from ..extraction.extracted import Extracted
from ..inference.predictor import LoadedRun, load
from ..resources import Resources
from ..types import VideoRecord
from .anomaly_report import Judged, write_anomaly_report
from .context import Context
from .embed import embeddings
from .events import SILENT, Events
from .extract import extract_streams
from .folders import writable

FEWEST = 4


@dataclass(frozen=True, slots=True)
class AnomalyOptions:
    """How the detector is made. `normal` names the normal classes; none: every video is normal.

    `held_out` is the share of normal videos that sets the threshold, where the data has no split of its own.
    """

    normal: tuple[str, ...] = ()
    false_alarms: float = 0.05
    held_out: float = 0.3
    bottleneck: int = 16
    epochs: int = 200
    seed: int = 0
    layout: str = "auto"
    split: int = 1


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

    With `options.normal` the other classes count as anomalies and give a ROC; they are used for nothing else.
    Where the data has its own split, its training part fits the autoencoder and the rest sets the threshold;
    else whole groups are held out. Raises `UsageError` (too few videos, unknown classes) and `WorkError`.
    """
    options = options or AnomalyOptions()
    context = Context(resources or Resources(), events)
    loaded = load(run, context.resources)
    dataset = load_dataset(data, layout=options.layout, split=options.split, whole_files=loaded.whole_files)
    options = replace(options, normal=tuple(map(class_name, options.normal)))
    unknown = sorted(set(options.normal) - set(dataset.labels))
    if unknown:
        raise UsageError(
            f"no class '{unknown[0]}' in {dataset.root}; it has {', '.join(dataset.labels) or 'no labels'}"
        )
    folder = writable(Path(out))
    extracted = extract_streams(dataset.records, loaded.streams, context)
    judged = _fit_detector(loaded, extracted, options, os.path.abspath(run), events)
    save_detector(folder, judged.detector)
    write_text(folder / "metrics.json", json.dumps(judged.metrics, indent=2) + "\n")
    events.step("writing the report")
    write_anomaly_report(folder, dataset, judged)
    events.note(judged.detector.threshold.certainty)
    return judged.metrics


def _fit_detector(
    loaded: LoadedRun, extracted: Extracted, options: AnomalyOptions, run: str, events: Events
) -> Judged:
    """Fit on records whose features are in the store, and score those it was not fitted on."""
    records = extracted.records
    vectors = torch.from_numpy(np.stack([vector for _, vector, _ in embeddings(loaded, extracted)]))
    normal = [r for r in records if not options.normal or r.label in options.normal]
    fitted = dict(zip(map(id, normal), _fits(normal, options), strict=True))
    train = torch.tensor([fitted.get(id(r), False) for r in records])
    held_out = torch.tensor([id(r) in fitted and not fitted[id(r)] for r in records])
    events.step(f"fitting the autoencoder on {int(train.sum())} normal videos")
    autoencoder = fit_autoencoder(
        vectors[train],
        bottleneck=min(options.bottleneck, vectors.shape[1] - 1),
        epochs=options.epochs,
        seed=options.seed,
    )
    errors = reconstruction_error(autoencoder, vectors)
    others = ~train & ~held_out
    order = torch.cat([held_out.nonzero(), others.nonzero()]).flatten().tolist()
    detector = Detector(
        autoencoder,
        choose_threshold(errors[held_out], options.false_alarms),
        errors[held_out].sort().values,
        run,
        loaded.fingerprint,
        _median_seconds(extracted, compress(records, train)),
        options.normal,
    )
    judged = Judged(
        detector, [records[i] for i in order], errors[order].numpy(), others[order].numpy(), extracted, {}
    )
    judged.metrics |= _metrics(judged, int(train.sum()))
    return judged


def _metrics(judged: Judged, fitted: int) -> dict[str, Any]:
    threshold = judged.detector.threshold
    anomalous = judged.anomalous
    metrics: dict[str, Any] = {
        "n_fit": fitted,
        "n_normal": int((~anomalous).sum()),
        "n_anomalous": int(anomalous.sum()),
        "threshold": threshold.value,
        "false_alarms": {
            "asked": threshold.rate,
            "expected": threshold.expected,
            "ci95": [threshold.low, threshold.high],
            "reachable": threshold.reachable,
        },
        "certainty": threshold.certainty,
        "quarantined": len(judged.extracted.quarantined),
    }
    if anomalous.any():
        area = float(roc_auc_score(anomalous, judged.errors))
        normal, others = (_independent(compress(judged.records, kind)) for kind in (~anomalous, anomalous))
        metrics |= {
            "auroc": area,
            "ci95": list(auroc_interval(area, normal, others)),
            "independent": {"normal": normal, "anomalous": others},
            "detected": float((judged.errors[anomalous] > threshold.value).mean()),
        }
    return metrics


def _independent(records: Iterable[VideoRecord]) -> int:
    """Videos that count for certainty: one per class and group where groups are known."""
    return len({(r.label, r.group) if r.group else (r.name, r.part) for r in records})


def _fits(normal: list[VideoRecord], options: AnomalyOptions) -> list[bool]:
    """For each normal record, whether the autoencoder is fitted on it; the others set the threshold."""
    if len(normal) < FEWEST:
        raise UsageError(
            f"{len(normal)} usable normal videos are too few for autoencoder and threshold; "
            f"give at least {FEWEST}, and 20 or more for a false-alarm rate of 0.05"
        )
    in_train = [r.split == "train" for r in normal]
    if any(in_train) and not all(in_train) and sum(in_train) > 1:
        return in_train
    groups = [r.group or r.id for r in normal]
    units = groups if len(set(groups)) > 1 else [r.id for r in normal]
    labels = [r.label or "" for r in normal]
    held_out = choose_units(units, labels, options.held_out, options.seed)
    if not any(held_out):  # every class is one unit: classes then have no say
        held_out = choose_units(units, [""] * len(units), options.held_out, options.seed)
    return [not h for h in held_out]


def _median_seconds(extracted: Extracted, records: Iterable[VideoRecord]) -> float:
    """Median span of the feature sequences, at least a tenth of a second."""
    spans = []
    for record in records:
        ends = [extracted.sequence(record, name).pts_seconds for name in extracted.streams]
        spans.append(max((float(pts[-1]) for pts in ends if len(pts)), default=0.0))
    return max(float(np.median(spans)), 0.1)
