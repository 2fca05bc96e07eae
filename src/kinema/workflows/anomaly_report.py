"""report.html of an anomaly detector: the threshold, the ROC curve and the most anomalous videos."""

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_curve

from .. import __version__
from ..anomaly.detector import Detector
from ..datasets import Dataset
from ..extraction.extracted import Extracted
from ..report.data import Lines, ReportData, Sample, Section, Series, Strips, Table
from ..report.render import write_report
from ..types import VideoRecord
from .report_sections import strip_of

SHOWN, BINS = 12, 24


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


def write_anomaly_report(folder: Path, dataset: Dataset, judged: Judged) -> None:
    """Write report.html into the detector's folder."""
    sections = [_verdict(judged), _histogram(judged)]
    if judged.anomalous.any():
        sections.insert(1, _roc(judged))
    data = ReportData(
        title=f"Anomalies in {dataset.root.name}",
        summary="An autoencoder on video embeddings: what it cannot reconstruct is anomalous.",
        created=datetime.date.today().isoformat(),
        version=__version__,
        run=folder.name,
        warnings=tuple(_warnings(dataset, judged)),
        sections=(*sections, _most_anomalous(judged)),
    )
    write_report(folder / "report.html", data)


def _warnings(dataset: Dataset, judged: Judged) -> list[str]:
    warnings = list(dataset.warnings)
    if not judged.detector.threshold.reachable:
        warnings.append(judged.detector.threshold.certainty)
    if judged.metrics["n_trained_on"]:
        warnings.append(
            f"the run was trained on {judged.metrics['n_trained_on']} of these videos: none of them sets the"
            " threshold or counts as detected"
        )
    if judged.extracted.quarantined:
        count = len(judged.extracted.quarantined)
        warnings.append(f"{count} files could not be read and were left out; see quarantine.csv")
    return warnings


def _verdict(judged: Judged) -> Section:
    m, threshold = judged.metrics, judged.detector.threshold
    rows: list[tuple[str, str | float | int]] = [
        ("normal videos the autoencoder was fitted on", m["n_fit"]),
        ("held-out normal videos that set the threshold", m["n_normal"]),
        ("threshold on the reconstruction error", threshold.value),
        ("false-alarm rate asked for", threshold.rate),
        ("false-alarm rate to expect", threshold.expected),
        ("95 % interval of the true rate", f"{threshold.low:.3f} to {threshold.high:.3f}"),
    ]
    if "auroc" in m:
        low, high = m["ci95"]
        rows += [
            ("anomalous videos", m["n_anomalous"]),
            ("area under the ROC curve", m["auroc"]),
            ("95 % interval of the area", f"{low:.3f} to {high:.3f}"),
            ("anomalous videos above the threshold", m["detected"]),
        ]
    if judged.detector.normal:
        rows.insert(0, ("normal classes", ", ".join(judged.detector.normal)))
    return Section("Threshold", f"{threshold.certainty}.", (Table("", ("", "value"), rows),))


def _roc(judged: Judged) -> Section:
    false_alarms, detections, _ = roc_curve(judged.anomalous, judged.errors, drop_intermediate=False)
    m = judged.metrics
    low, high = m["ci95"]
    units = m["independent"]
    curve = Lines(
        f"ROC, area {m['auroc']:.3f}",
        "false-alarm rate",
        (Series("detection rate", false_alarms.tolist(), detections.tolist()),),
        percent=True,
        diagonal=True,
        note=f"The diagonal is chance. 95 % interval of the area {low:.3f} to {high:.3f}, counting "
        f"{units['normal']} normal and {units['anomalous']} anomalous groups as independent.",
    )
    intro = "Held-out normal videos against the other classes, none of which the autoencoder has seen."
    return Section("Detection", intro, (curve,))


def _histogram(judged: Judged) -> Section:
    """Shares of videos per bin of error, on a logarithmic scale where errors differ much."""
    errors = np.maximum(judged.errors, 1e-9)
    edges = np.geomspace(errors.min() * 0.999, errors.max() * 1.001, BINS + 1)
    kinds = [("held-out normal", ~judged.anomalous), ("other classes", judged.anomalous)]
    series = []
    for name, chosen in kinds:
        if chosen.any():
            share = np.histogram(errors[chosen], edges)[0] / chosen.sum()
            x, y = np.repeat(np.log10(edges), 2)[1:-1], np.repeat(share, 2)
            series.append(Series(name, x.tolist(), y.tolist()))
    mark = float(np.log10(max(judged.detector.threshold.value, 1e-9)))
    lines = Lines(
        "Share of videos by reconstruction error",
        "log10 of the error",
        tuple(series),
        percent=True,
        dividers=((mark, "threshold"),),
    )
    return Section("Errors", "What lies to the right of the threshold is called anomalous.", (lines,))


def _most_anomalous(judged: Judged) -> Section:
    order = np.argsort(-judged.errors, kind="stable")[:SHOWN]
    strips = Strips("Most anomalous", [_sample(judged, int(i)) for i in order])
    return Section(
        "Videos", "The videos with the largest errors among those not used for fitting.", (strips,)
    )


def _sample(judged: Judged, index: int) -> Sample:
    record, error = judged.records[index], float(judged.errors[index])
    above = error > judged.detector.threshold.value
    reached = float((judged.detector.held_out <= error).float().mean())
    said = "anomalous" if above else "normal"
    # Only where classes were picked as normal is the truth known; else every video was said to be normal.
    truth = ("anomalous" if judged.anomalous[index] else "normal") if judged.detector.normal else None
    return Sample(
        record.name,
        truth,
        ((said, reached),),
        strip_of(judged.extracted, record)[0],
        note=f"error {error:.3g}, threshold {judged.detector.threshold.value:.3g}",
    )
