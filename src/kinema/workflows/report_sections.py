"""Further sections of a run's report, and the film strips of its videos."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..datasets import Dataset
from ..errors import KinemaError
from ..extraction.extracted import Extracted
from ..model.recognizer import Recognizer
from ..recipe import Recipe
from ..report.calibration import calibration_section
from ..report.data import FilmStrip, Sample, Section, Table
from ..report.film_strips import film_strip, spread
from ..report.label_doubts import label_doubts_section
from ..report.learning_curve import learning_curve_section
from ..report.protocol import protocol_section
from ..types import VideoRecord

DOUBTS = 8  # labels that look wrong, as film strips


def further_sections(
    metrics: Mapping[str, Any], model: Recognizer, dataset: Dataset, extracted: Extracted
) -> list[Section]:
    """The sections that metrics.json and the model have something for."""
    doubts = metrics.get("label_doubts")
    sections = []
    if doubts:
        sections.append(label_doubts_section(_doubted(doubts, dataset, extracted), len(doubts)))
    if metrics.get("learning_curve"):
        sections.append(learning_curve_section(metrics))
    if "protocol" in metrics:
        sections.append(protocol_section(metrics["protocol"]))
    if "reliability" in metrics:
        sections.append(calibration_section(metrics))
    if "precisions" in metrics:
        sections.append(precision_section(metrics["precisions"]))
    alpha = model.tensors().get("fusion.alpha")
    if alpha is not None:
        sections.append(fusion_section(model.recipe, float(alpha)))
    return sections


def precision_section(rows: Sequence[Mapping[str, Any]]) -> Section:
    """The test videos in each precision."""
    columns = ("precision", "accuracy", "same answers", "seconds a video", "")
    shown = [
        (
            row["precision"],
            _percent(row.get("accuracy")),
            _percent(row.get("agreement")),
            "" if row["seconds_per_video"] is None else f"{row['seconds_per_video']:.2f}",
            row["note"],
        )
        for row in rows
    ]
    intro = "The same run and the same videos; only what the backbones compute in differs."
    return Section("Precision", intro, (Table("Test videos in each precision", columns, shown),))


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


def _doubted(doubts: Sequence[Mapping[str, Any]], dataset: Dataset, extracted: Extracted) -> list[Sample]:
    """The surest doubts on labels, which come first, as film strips."""
    records = {(r.name, r.part): r for r in dataset.part("train")}
    samples = []
    for doubt in doubts[:DOUBTS]:
        record = records[doubt["name"], doubt["part"]]
        top = ((doubt["predicted"], doubt["score"]), (doubt["label"], doubt["label_score"]))
        samples.append(Sample(record.name, record.label, top, strip_of(extracted, record)[0]))
    return samples


def fusion_section(recipe: Recipe, alpha: float) -> Section:
    """The weight of both streams in a weighted average, and whether alpha was learned or given."""
    learned = getattr(recipe.fusion, "alpha", None) == "learned"
    source = "alpha was learned and started at 0.5" if learned else f"alpha is fixed at {alpha:g}"
    weights = zip(recipe.streams, (alpha, 1 - alpha), strict=True)
    table = Table("Weight of each stream", ("stream", "weight"), list(weights))
    return Section("Fusion", f"The weighted average alpha * A + (1 - alpha) * B; {source}.", (table,))


def strip_of(extracted: Extracted, record: VideoRecord) -> tuple[FilmStrip | None, list[int]]:
    """A film strip at some steps of the first stream, and their numbers; None where the file is gone."""
    try:
        times = extracted.sequence(record, next(iter(extracted.streams))).pts_seconds
        steps = spread(len(times))
        strip = film_strip(
            record.path,
            times[steps].tolist(),
            start_seconds=record.start_seconds,
            end_seconds=record.end_seconds,
            frames=record.frames,
        )
    except KinemaError:
        return None, []
    return strip, steps
