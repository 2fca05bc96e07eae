"""What stored features tell of the data: would more videos help, and which labels look wrong?

Both ask the closed-form head (`temporal.kind: moments`): the recipe's own where it has it, else one on the
same features, because it is fitted in a second.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..datasets.dataset import counted, some
from ..datasets.units import group_units
from ..evaluation.kernel import weighted_kernel
from ..evaluation.label_doubts import Doubt, label_doubts
from ..evaluation.learning_curve import Trial, learning_curve
from ..model.build import build_recognizer
from ..model.recognizer import JointRecognizer, Recognizer
from ..recipe import Recipe, changed
from ..training.closed import block_sizes, embeddings, fit_statistics
from ..training.stage import Row
from ..types import VideoRecord
from .events import Events
from .write_report import RunFacts

# Time grows with the cube of the number of videos, memory with their features.
FEWEST_VIDEOS, MOST_VIDEOS, MOST_VALUES = 20, 3000, 6_000_000


@dataclass(frozen=True, slots=True)
class Tested:
    """What one round trained on and tested, and the last row of its history (its shares of statistics)."""

    train: Sequence[VideoRecord]
    test: Sequence[VideoRecord]
    row: Row


def data_facts(facts: RunFacts, rounds: Sequence[Tested], events: Events) -> dict[str, Any]:
    """`learning_curve`, `more_videos` and `label_doubts` for metrics.json, from a run and its rounds.

    Labels are doubted among the run's own training videos. Where nothing can be said, the lists are empty
    and `more_videos` says why.
    """
    records = list({r.id: r for one in rounds for r in (*one.train, *one.test)}.values())
    refused = _refused(facts.config.recipe, len(records), sum(facts.model.dims.values()))
    if refused:
        events.detail(f"no learning curve: {refused}")
        return {"learning_curve": [], "more_videos": {"answer": None, "reason": refused}, "label_doubts": []}
    events.step("looking whether more videos would help and whether labels look wrong")
    with facts.spent.timed("data"):
        space = _space(facts, records)
        return {**_curve(space, rounds), "label_doubts": _doubts(space, facts, events)}


def _refused(recipe: Recipe, videos: int, dims: int) -> str:
    """Why nothing can be said of videos with `dims` features a step; empty where it can."""
    if not recipe.on_stored_features:
        return "the features are trained together with the recogniser"
    if videos < FEWEST_VIDEOS:
        return f"{videos} videos are fewer than {FEWEST_VIDEOS}"
    if videos > MOST_VIDEOS:
        return f"{videos} videos are more than {MOST_VIDEOS}"
    return "the features are too large" if videos * dims > MOST_VALUES else ""


@dataclass(frozen=True, slots=True)
class _Space:
    """Statistics x float64 [N, E] of records, in blocks of `sizes`, and what a kernel between them needs."""

    records: Sequence[VideoRecord]
    x: np.ndarray
    sizes: Sequence[int]
    labels: np.ndarray
    classes: int
    own: bool

    def rows(self, records: Sequence[VideoRecord]) -> np.ndarray:
        place = {r.id: i for i, r in enumerate(self.records)}
        return np.array([place[r.id] for r in records if r.id in place], int)

    def kernel(self, train: np.ndarray, row: Row) -> np.ndarray:
        """Between all records, for training on some rows, by the shares of statistics in a history's row.

        The recipe's own head has chosen them; they are equal where it has none.
        """
        shares = [float(v) for k, v in row.items() if k.startswith("share ")] if self.own else []
        return weighted_kernel(self.x, self.sizes, shares or [1.0] * len(self.sizes), train)


def _space(facts: RunFacts, records: Sequence[VideoRecord]) -> _Space:
    items = facts.extracted.items(records, facts.config.labels)
    own = facts.config.recipe.temporal.closed_form
    model = facts.model if own else _fitted_moments(facts)
    assert isinstance(model, JointRecognizer)
    labels = np.array([item.label for item in items])
    return _Space(records, embeddings(model, items), block_sizes(model), labels, model.classes, own)


def _fitted_moments(facts: RunFacts) -> Recognizer:
    """The closed-form head on the run's features, with the scales of its statistics taken, not solved for."""
    model = build_recognizer(_with_moments(facts.config.recipe), facts.model.dims, facts.model.classes)
    assert isinstance(model, JointRecognizer)
    fit_statistics(model, facts.extracted.items(facts.dataset.part("train"), facts.config.labels))
    return model


def _with_moments(recipe: Recipe) -> Recipe:
    """The recipe with the closed-form head in place of all that is trained by gradients."""
    return changed(
        recipe,
        {
            "encoder": None,
            "temporal": {"kind": "moments"},
            "classifier": {"activation": "softmax"},
            "fusion": {"kind": "concat"} if len(recipe.streams) > 1 else None,
            "training.stages": "joint",
        },
    )


def _curve(space: _Space, rounds: Sequence[Tested]) -> dict[str, Any]:
    def trials() -> Iterator[Trial]:
        for one in rounds:
            train = space.rows(one.train)
            yield Trial(train, space.rows(one.test), space.kernel(train, one.row))

    curve = learning_curve(trials(), space.labels, group_units(space.records), space.classes)
    head = "own" if space.own else "moments"
    if curve is None:
        reason = "there are too few videos or groups of a class to train on fewer"
        return {"learning_curve": [], "more_videos": {"answer": None, "reason": reason}}
    found = {"answer": curve.more_videos, "gain": curve.gain, "error": curve.error, "head": head}
    return {"learning_curve": curve.points, "more_videos": found}


def _doubts(space: _Space, facts: RunFacts, events: Events) -> list[dict[str, Any]]:
    records = facts.dataset.part("train")
    rows = space.rows(records)
    kernel = space.kernel(rows, facts.history[-1])[np.ix_(rows, rows)]
    found = label_doubts(kernel, space.labels[rows], group_units(records), space.classes)
    if found:
        names = some(records[doubt.row].id for doubt in found)
        events.note(f"{counted(len(found), 'label')} may be wrong: {names}; see the report")
    return [_row(records[doubt.row], doubt, facts.config.labels) for doubt in found]


def _row(record: VideoRecord, doubt: Doubt, labels: Sequence[str]) -> dict[str, Any]:
    return {
        "name": record.name,
        "part": record.part,
        "label": record.label,
        "predicted": labels[doubt.predicted],
        "score": doubt.score,
        "label_score": doubt.given,
    }
