"""Fit an anomaly detector: an autoencoder on some normal videos, a threshold on others; its report."""

import json
from collections.abc import Hashable, Iterable, Sequence
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
from ..buckets import delivered_folder, local_folder
from ..datasets import load_dataset
from ..datasets.balance import choose_units
from ..datasets.dataset import class_name
from ..errors import UsageError
from ..evaluation.metrics import auroc_interval
from ..extraction.extracted import Extracted
from ..inference.load import load
from ..inference.predictor import LoadedRun
from ..resources import Resources
from ..types import VideoRecord
from ..urls import full_name
from .anomaly_report import Judged, write_anomaly_report
from .context import Context
from .embed import embeddings
from .events import SILENT, Events
from .extract import extract_streams
from .folders import writable
from .seen import Seen

FEWEST, FEWEST_FRESH = 4, 2


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
    else whole groups are held out. Videos that the run itself was trained on lie closer together than new
    ones: of these, normal ones only fit the autoencoder, and the others are left out.
    Raises `UsageError` (too few videos, unknown classes) and `WorkError`.
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
    with delivered_folder(out) as folder:
        writable(folder)
        extracted = extract_streams(context.identified(dataset).records, loaded.streams, context)
        judged = _fit_detector(loaded, extracted, options, run, events)
        save_detector(folder, judged.detector)
        write_text(folder / "metrics.json", json.dumps(judged.metrics, indent=2) + "\n")
        events.step("writing the report")
        write_anomaly_report(folder, dataset, judged)
    events.note(judged.detector.threshold.certainty)
    return judged.metrics


def _fit_detector(
    loaded: LoadedRun, extracted: Extracted, options: AnomalyOptions, run: str | Path, events: Events
) -> Judged:
    """Fit on records whose features are in the store, and score those it was not fitted on."""
    records = extracted.records
    vectors = torch.from_numpy(np.stack([vector for _, vector, _ in embeddings(loaded, extracted)]))
    normal = np.array([not options.normal or r.label in options.normal for r in records])
    seen = np.isin(np.arange(len(records)), _trained_on(run, records, events))
    fits = np.zeros(len(records), bool)
    fits[normal] = _fits(list(compress(records, normal)), seen[normal].tolist(), options)
    train, held_out = torch.from_numpy(fits), torch.from_numpy(normal & ~fits)
    events.step(f"fitting the autoencoder on {int(train.sum())} normal videos")
    autoencoder = fit_autoencoder(
        vectors[train],
        bottleneck=min(options.bottleneck, vectors.shape[1] - 1),
        epochs=options.epochs,
        seed=options.seed,
    )
    errors = reconstruction_error(autoencoder, vectors)
    others = torch.from_numpy(~normal & ~seen)
    groups = [_unit(record) for record in compress(records, held_out.tolist())]
    order = torch.cat([held_out.nonzero(), others.nonzero()]).flatten().tolist()
    detector = Detector(
        autoencoder,
        choose_threshold(errors[held_out], options.false_alarms, groups),
        errors[held_out].sort().values,
        full_name(run),
        loaded.fingerprint,
        _median_seconds(extracted, compress(records, train)),
        options.normal,
    )
    judged = Judged(
        detector, [records[i] for i in order], errors[order].numpy(), others[order].numpy(), extracted, {}
    )
    judged.metrics |= _metrics(judged, int(train.sum())) | {"n_trained_on": int(seen.sum())}
    return judged


def _trained_on(run: str | Path, records: Sequence[VideoRecord], events: Events) -> list[int]:
    """The numbers of the records that the run has seen; says how many there are."""
    seen = Seen(local_folder(run))
    found = [i for i, record in enumerate(records) if record in seen]
    if found:
        events.warn(
            f"the run was trained on {len(found)} of {len(records)} videos: none of these sets the threshold"
        )
    if not seen.known:
        events.warn(f"run {run} does not say what it was trained on: give normal videos that it has not seen")
    return found


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
            "independent": threshold.independent,
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
    """Videos that count for certainty."""
    return len(set(map(_unit, records)))


def _unit(record: VideoRecord) -> Hashable:
    """What counts once: class and group where the group is known, else the video itself."""
    return (record.label, record.group) if record.group else (record.name, record.part)


def _fits(normal: list[VideoRecord], seen: list[bool], options: AnomalyOptions) -> list[bool]:
    """For each normal record, whether the autoencoder is fitted on it; the others set the threshold."""
    if len(normal) < FEWEST:
        raise UsageError(
            f"{len(normal)} usable normal videos are too few for autoencoder and threshold; "
            f"give at least {FEWEST}, and 20 or more for a false-alarm rate of 0.05"
        )
    fresh = [r for r, known in zip(normal, seen, strict=True) if not known]
    if len(fresh) < FEWEST_FRESH:
        raise UsageError(
            f"the run was trained on {len(normal) - len(fresh)} of the {len(normal)} normal videos, and the"
            " errors of such videos are smaller than those of new ones; give normal videos that it has not"
            " seen, 20 or more for a false-alarm rate of 0.05"
        )
    in_train = [r.split == "train" or known for r, known in zip(normal, seen, strict=True)]
    if any(r.split == "train" for r in normal) and not all(in_train) and sum(in_train) > 1:
        return in_train
    share = options.held_out * len(normal) / len(fresh)
    chosen = iter(_held_out(fresh, share, options.seed) if share < 1 else [True] * len(fresh))
    return [known or not next(chosen) for known in seen]


def _held_out(normal: list[VideoRecord], share: float, seed: int) -> list[bool]:
    """Which records set the threshold: about a share of them, by whole groups where groups are known."""
    groups = [r.group or r.id for r in normal]
    units = groups if len(set(groups)) > 1 else [r.id for r in normal]
    found = choose_units(units, [r.label or "" for r in normal], share, seed)
    # Where every class is one unit, classes have no say.
    return found if any(found) else choose_units(units, [""] * len(units), share, seed)


def _median_seconds(extracted: Extracted, records: Iterable[VideoRecord]) -> float:
    """Median span of the feature sequences, at least a tenth of a second."""
    spans = []
    for record in records:
        ends = [extracted.sequence(record, name).pts_seconds for name in extracted.streams]
        spans.append(max((float(pts[-1]) for pts in ends if len(pts)), default=0.0))
    return max(float(np.median(spans)), 0.1)
