"""Fit a detector: an autoencoder on some normal videos, a threshold on others, errors of all the rest."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from ..anomaly.autoencoder import fit_autoencoder, reconstruction_error
from ..anomaly.detector import Detector
from ..anomaly.threshold import choose_threshold
from ..datasets.balance import choose_units
from ..errors import UsageError
from ..evaluation.metrics import auroc_interval
from ..extraction.extracted import Extracted
from ..inference.predictor import LoadedRun
from ..types import VideoRecord
from .embed import embeddings
from .events import SILENT, Events

BOTTLENECK = 16
FEWEST = 4


@dataclass(frozen=True, slots=True)
class AnomalyOptions:
    """How the detector is made. `normal` names the normal classes; none: every video is normal.

    `held_out` is the share of normal videos that sets the threshold, where the data has no split of its own.
    """

    normal: tuple[str, ...] = ()
    false_alarms: float = 0.05
    held_out: float = 0.3
    bottleneck: int = BOTTLENECK
    epochs: int = 200
    seed: int = 0
    layout: str = "auto"
    split: int = 1


@dataclass(slots=True)
class Judged:
    """The fitted detector and what it says of the videos it was not fitted on.

    `errors` float32 [N] and `anomalous` bool [N] belong to `records`, the held-out normal videos first.
    """

    detector: Detector
    records: list[VideoRecord]
    errors: np.ndarray
    anomalous: np.ndarray
    extracted: Extracted
    metrics: dict[str, Any]


def fit_detector(
    loaded: LoadedRun,
    extracted: Extracted,
    options: AnomalyOptions,
    *,
    run: str = "",
    events: Events = SILENT,
) -> Judged:
    """Fit on records whose features are in the store, and score those it was not fitted on."""
    records = extracted.records
    vectors = torch.from_numpy(np.stack([e.vector for e in embeddings(loaded, extracted)]))
    normal = [r for r in records if _is_normal(r, options.normal)]
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
    order = [*torch.where(held_out)[0].tolist(), *torch.where(others)[0].tolist()]
    detector = Detector(
        autoencoder,
        choose_threshold(errors[held_out], options.false_alarms),
        errors[held_out].sort().values,
        run,
        loaded.fingerprint,
        _median_seconds(extracted, [r for r, t in zip(records, train, strict=True) if t]),
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
        units = [_independent([r for r, a in zip(judged.records, anomalous, strict=True) if a == kind])
                 for kind in (False, True)]  # fmt: skip
        metrics |= {
            "auroc": area,
            "ci95": list(auroc_interval(area, units[0], units[1])),
            "independent": {"normal": units[0], "anomalous": units[1]},
            "detected": float((judged.errors[anomalous] > threshold.value).mean()),
        }
    return metrics


def _independent(records: Sequence[VideoRecord]) -> int:
    """Videos that count for certainty: one per class and group where groups are known."""
    return len({(r.label, r.group) if r.group else (r.name, r.part) for r in records})


def _is_normal(record: VideoRecord, normal: tuple[str, ...]) -> bool:
    return not normal or record.label in normal


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
