"""The figures of a study: a curve over what varies, curves by epoch, confusion matrices, clips."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

import numpy as np

from ..errors import KinemaError
from ..evaluation.predictions import joined
from ..media.video import VideoFile
from ..report.clips import surest_and_worst
from ..report.data import FilmStrip, Lines, Sample, Series
from ..report.film_strips import film_strip, spread
from ..studies.columns import COLUMNS
from ..studies.page import Matrix
from ..studies.results import RowResult
from ..studies.schema import Study, StudyFigure
from ..studies.sheet import PaperValues
from ..types import VideoRecord

SHOWN = 6  # clips of each kind


def charts(study: Study, rows: Sequence[RowResult], layout: str) -> list[Lines]:
    """The line charts of figures `line` and `curves`."""
    found: list[Lines] = []
    for figure in study.figures:
        if figure.kind == "line":
            found.append(_line(study, figure, rows, layout))
        elif figure.kind == "curves":
            found += _curves(figure, rows)
    return [chart for chart in found if chart.series]


def _line(study: Study, figure: StudyFigure, rows: Sequence[RowResult], layout: str) -> Lines:
    """A column over the values of the key that varies, and the paper's points beside it."""
    column, key = COLUMNS[figure.y], str(figure.x)
    values = {row.name: row.set.get(key) for row in study.all_rows()}
    points = [(values[row.name], row) for row in rows if isinstance(values[row.name], int | float)]
    x = [float(str(value)) for value, _ in points]
    percent = column.unit == "%"
    scale = 0.01 if percent else 1.0
    ours = [row.value(figure.y)[0] for _, row in points]
    series = [Series("here", x, [None if v is None else scale * v for v in ours])] if any(ours) else []
    paper = PaperValues(study, layout)
    for data in paper.data:
        printed = [paper.value(figure.y, row.name, data) for _, row in points]
        if any(value is not None for value in printed):
            series.append(Series(f"paper, {data}", x, [None if v is None else scale * v for v in printed]))
    title = figure.title or f"{column.title} by {key}"
    return Lines(title, key, tuple(series), percent=percent)


def _curves(figure: StudyFigure, rows: Sequence[RowResult]) -> list[Lines]:
    """Accuracy and loss by epoch, means over cells: of one row in training and on held-out videos, or of all
    rows on the held-out ones alone.
    """
    shown = [row for row in rows if figure.of in (None, row.name)]
    drawn = []
    for measure in ("accuracy", "loss"):
        series = []
        for row in shown:
            histories = [c.history for c in row.done]
            held_out = next((p for p in ("test", "val") if _by_epoch(histories, f"{p}_{measure}")), None)
            parts = [held_out] if held_out and figure.of is None else ["train", held_out]
            for part in filter(None, parts):
                epochs = _by_epoch(histories, f"{part}_{measure}")
                series.append(Series(f"{row.name}, {part}", list(epochs), list(epochs.values())))
        title = f"{figure.title}: {measure}" if figure.title else f"{measure} by epoch"
        known = tuple(one for one in series if one.x)
        drawn.append(Lines(title, "epoch", known, percent=measure == "accuracy"))
    return drawn


def _by_epoch(histories: Sequence[Sequence[dict[str, Any]]], key: str) -> dict[float, float]:
    """Mean over cells of a value at every epoch of the last stage that has it."""
    found: dict[float, list[float]] = {}
    for history in histories:
        rows = [row for row in history if row.get(key) is not None]
        last = rows[-1].get("stage") if rows else None
        for row in rows:
            if row.get("stage") == last:
                found.setdefault(float(row["epoch"]), []).append(float(row[key]))
    return {epoch: fmean(values) for epoch, values in sorted(found.items())}


def matrices(study: Study, rows: Sequence[RowResult]) -> list[Matrix]:
    """One confusion matrix a row, pooled over its rounds, where a figure asks for them."""
    if not any(figure.kind == "confusion" for figure in study.figures):
        return []
    return [
        Matrix(row.name, [c["label"] for c in row.metrics["per_class"]], row.metrics["confusion"])
        for row in rows
        if row.metrics
    ]


def clips(study: Study, rows: Sequence[RowResult]) -> dict[str, list[Sample]]:
    """The surest hits and the worst misses of one row as film strips with three classes each."""
    figure = next((f for f in study.figures if f.kind == "clips"), None)
    row = None if figure is None else next((r for r in rows if r.name == (figure.of or rows[0].name)), None)
    answers = [c.answers for c in row.done if c.answers is not None] if row else []
    if not row or not answers:
        return {}
    labels = list(row.done[0].cell.one.dataset.labels)
    whole = joined(answers, len(labels))
    truth = np.array([labels.index(r.label or "") for r in whole.records])
    hits, misses = surest_and_worst(whole.scores, truth, SHOWN, SHOWN)
    return {
        f"{row.name}: recognised": [_sample(whole.records[i], whole.scores[i], labels) for i in hits],
        f"{row.name}: mistaken": [_sample(whole.records[i], whole.scores[i], labels) for i in misses],
    }


def _sample(record: VideoRecord, scores: np.ndarray, labels: Sequence[str]) -> Sample:
    top = tuple((labels[i], float(scores[i])) for i in np.argsort(-scores, kind="stable")[:3])
    return Sample(record.name, record.label, top, _strip(record))


def _strip(record: VideoRecord) -> FilmStrip | None:
    try:
        times = VideoFile.of(record).times()
        return film_strip(
            record.path,
            times[spread(len(times))].tolist(),
            start_seconds=record.start_seconds,
            end_seconds=record.end_seconds,
            frames=record.frames,
        )
    except KinemaError:
        return None
