"""What sliding windows with a clip model answer on the same features: the baseline of timelines."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..datasets.timeline import TimelineSet
from ..evaluation.score import score_items
from ..evaluation.timeline import TimelineAnswer, segmental_f1
from ..extraction.extracted import Extracted
from ..inference.segments import segments
from ..model.items import FeatureItem
from ..model.recognizer import JointRecognizer
from ..model.smoothing import Found, step_seconds
from ..recipe import Recipe, load_recipe
from ..streams import StreamSettings
from ..training.closed import fit_closed
from ..types import Prediction, Segment, VideoRecord

WINDOW, STRIDE = 2.0, 1.0  # seconds, as `predict --timeline` has them
LEAST_SCORES = tuple(np.linspace(0, 0.95, 20).tolist())


class WindowBaseline:
    """The classifier of `lite`, fitted on the segments of the training files as clips of one class each.

    It knows no background: with `least` windows whose best score is lower are of no class.
    """

    def __init__(self, dataset: TimelineSet, extracted: Extracted, recipe: Recipe):
        self.dataset, self.extracted = dataset, extracted
        (self.stream,) = extracted.streams
        lite = load_recipe("lite")
        plain = {
            "name": "windows",
            "streams": {n: _as_stored(s) for n, s in recipe.streams.items()},
            "temporal": lite.temporal.model_dump(mode="json"),
            "data": {"classes": len(dataset.labels)},
        }
        dims = {name: stream.dim for name, stream in extracted.streams.items()}
        self.model = JointRecognizer(load_recipe(plain), dims, len(dataset.labels))
        fit_closed(self.model, self._clips())

    def _clips(self) -> list[FeatureItem]:
        """Every training segment that holds two steps or more."""
        items = []
        for record in self.dataset.part("train"):
            times, files = self._times(record), self.extracted.paths(record)
            unit = f"group {record.group}" if record.group is not None else f"file {record.path}"
            for segment in self.dataset.segments(record):
                steps = _steps(times, segment.start_seconds, segment.end_seconds)
                if steps[1] - steps[0] > 1:
                    items.append(FeatureItem(files, self.dataset.labels.index(segment.label), unit, steps))
        return items

    def _times(self, record: VideoRecord) -> np.ndarray:
        return self.extracted.sequence(record, self.stream).pts_seconds

    def windows(self, record: VideoRecord) -> list[Prediction]:
        """The windows of one file with their class scores."""
        times, files = self._times(record), self.extracted.paths(record)
        end = float(times[-1]) + step_seconds(times)
        starts = np.arange(0.0, max(end - WINDOW / 2, STRIDE / 2), STRIDE)
        spans = [
            (s, min(s + WINDOW, end)) for s in starts.tolist() if len(range(*_steps(times, s, s + WINDOW)))
        ]
        items = [FeatureItem(files, -1, steps=_steps(times, *span)) for span in spans]
        scores = score_items(self.model, items)
        labels = self.dataset.labels
        return [Prediction(record.path, labels, own, *span) for own, span in zip(scores, spans, strict=True)]

    def least_score(self, truths: Sequence[TimelineAnswer], records: Sequence[VideoRecord]) -> float:
        """The least score of the best segmental F1 at 50 % overlap on these (training) files."""
        seen = [self.windows(record) for record in records]

        def value(least: float) -> float:
            answers = [_answer(t, w, least) for t, w in zip(truths, seen, strict=True)]
            return segmental_f1(answers, self.dataset.labels, 0.5)

        return max(LEAST_SCORES, key=value)

    def answers(
        self, truths: Sequence[TimelineAnswer], records: Sequence[VideoRecord], least: float = 0.0
    ) -> list[TimelineAnswer]:
        """The same files with what the windows say of them."""
        return [_answer(t, self.windows(r), least) for t, r in zip(truths, records, strict=True)]


def _as_stored(stream: StreamSettings) -> dict[str, Any]:
    """The stream's keys: what its backbone has learned is in the features already."""
    return stream.model_dump(mode="json") | {"train_blocks": 0}


def _answer(truth: TimelineAnswer, windows: Sequence[Prediction], least: float) -> TimelineAnswer:
    found = [
        Found(
            Segment(one.label, one.start_seconds or 0.0, one.end_seconds or 0.0, one.score),
            min((one.start_seconds or 0.0) + WINDOW, one.end_seconds or 0.0),
            one.end_seconds or 0.0,
        )
        for one in segments(windows, least)
        if one.score >= least
    ]
    middles = np.array([((w.start_seconds or 0.0) + (w.end_seconds or 0.0)) / 2 for w in windows])
    nearest = np.abs(truth.times[:, None] - middles[None]).argmin(1) if len(middles) else []
    scores = np.stack([w.scores for w in windows])[nearest] if windows else np.zeros(truth.on.shape)
    return TimelineAnswer(
        truth.name, truth.true, tuple(found), truth.on, truth.times, truth.seconds, scores, truth.unit,
        one_way=True,
    )  # fmt: skip


def _steps(times: np.ndarray, start: float, end: float) -> tuple[int, int]:
    first, stop = np.searchsorted(times, [start - 1e-9, end - 1e-9])
    return int(first), int(stop)
