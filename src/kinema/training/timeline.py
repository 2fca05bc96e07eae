"""The temporal stage of timelines: chunks with carried state, and smoothing chosen by held-out files."""

import copy
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from ..datasets.balance import folds_of_units
from ..features.stored import read_sequence
from ..model.head import Scored
from ..model.smoothing import Smoothing
from ..model.timeline import TimelineRecognizer
from ..temporal.stack import State
from ..temporal.standardize import Standardize
from .lanes import ChunkBatch, TimelineItem, lane_loader
from .smoothing import choose_smoothing
from .stage import FitOptions, Row, Stage, run_stage

# The rarest class counts at most this many times as much while it is on.
MOST_WEIGHT = 10.0


def fit_timeline(
    model: TimelineRecognizer, items: Sequence[TimelineItem], labels: Sequence[str], options: FitOptions
) -> list[Row]:
    """Train `model` in place on all items and choose its smoothing; the history, one row per epoch.

    With `smoothing: folds` it is trained on folds of whole units first: their held-out scores decide the
    smoothing, and nothing else. Folds are not resumed: what was stopped in them begins with them again.
    """
    spec = model.recipe.timeline
    assert spec is not None
    units = [item.unit or str(number) for number, item in enumerate(items)]
    classes = [" ".join(map(str, np.flatnonzero(item.targets.max(0) > 0.5))) for item in items]
    folds = folds_of_units(units, classes, spec.folds, model.recipe.training.seed)
    if spec.smoothing == "none" or folds is None:
        if folds is None:
            options.on_note("one group alone has no folds: every step above one half counts, unsmoothed")
        return _train(model, items, options)
    scores: list[np.ndarray] = [np.zeros(0)] * len(items)
    quiet = replace(options, checkpoints=None, resume=False, on_epoch=lambda row, epochs: None, logger=None)
    for fold in sorted(set(folds)):
        options.on_note(f"fold {fold + 1} of {max(folds) + 1}, for the smoothing")
        learner = copy.deepcopy(model)
        _train(learner, [item for item, own in zip(items, folds, strict=True) if own != fold], quiet)
        for number, own in enumerate(folds):
            if own == fold:
                scores[number] = learner.step_scores(read_sequence(items[number].path))
    model.smoothing = choose_smoothing(scores, items, labels, both=model.both)
    options.on_note(f"smoothing by {max(folds) + 1} folds: {_words(model.smoothing)}")
    return _train(model, items, options)


def _words(found: Smoothing) -> str:
    low, high = found.on.min(), found.on.max()
    return (
        f"opens at {low:.2f} to {high:.2f}, mean of {found.window:g} s,"
        f" bridges {found.gap:g} s, counts after {found.hold:g} s"
    )


def _train(model: TimelineRecognizer, items: Sequence[TimelineItem], options: FitOptions) -> list[Row]:
    spec, timeline = model.recipe.training, model.recipe.timeline
    assert timeline is not None
    _standardize(model, items)
    loader = lane_loader(items, lanes=spec.batch, chunk=timeline.chunk, seed=spec.seed)
    weights = _weights(items) if spec.class_balance == "weights" else None
    return run_stage(
        Stage(
            name="temporal",
            module=model,
            objective=StepObjective(model, weights),
            train=loader,
            val=None,
            spec=spec,
            seed=spec.seed,
            options=options,
        )
    )


class StepObjective:
    """Loss and hits of chunks; the state of a one-way model goes on from one batch to the next.

    The loss is the binary cross-entropy of every known step and class, by its soft target. `weights` [C]
    count for what is on.
    """

    def __init__(self, model: TimelineRecognizer, weights: Tensor | None):
        self.model, self.weights = model, weights
        self.state: State | None = None

    def __call__(self, module: nn.Module, batch: ChunkBatch) -> Scored:
        """The loss, and of how many known steps all classes are right."""
        logits, known = self._logits(batch), batch.known
        weights = None if self.weights is None else self.weights.to(logits.device)
        losses = binary_cross_entropy_with_logits(
            logits, batch.targets, pos_weight=weights, reduction="none"
        ).mean(2)
        count = int(known.sum())
        with torch.no_grad():
            right = ((logits > 0) == (batch.targets > 0.5)).all(2) & known
        return Scored(losses[known].sum() / max(count, 1), int(right.sum()), count)

    def _logits(self, batch: ChunkBatch) -> Tensor:
        if self.model.both:
            return self.model.whole(batch.data, batch.lengths)
        empty = self.model.initial_state(len(batch.data))
        state = empty if self.state is None or bool(batch.fresh.all()) else self._carried(batch, empty)
        logits, self.state = self.model.advance(batch.data, state)
        return logits

    def _carried(self, batch: ChunkBatch, empty: State) -> State:
        """The states of the lanes that go on; zeros for those that begin another file."""
        assert self.state is not None
        lanes = len(batch.fresh)
        return tuple(
            tuple(
                torch.where(batch.fresh.view(-1, *[1] * (part.ndim - 1)), start, part[:lanes])
                for part, start in zip(layer, fresh, strict=True)
            )
            for layer, fresh in zip(self.state, empty, strict=True)
        )


def _standardize(model: TimelineRecognizer, items: Sequence[TimelineItem]) -> None:
    """Mean and spread of the features over all steps of the items, where the recipe asks for them."""
    layer, background = model.model.standardize, model.model.background
    if isinstance(layer, Standardize):
        sequences = (torch.from_numpy(read_sequence(item.path).data).unsqueeze(0) for item in items)
        apart = (background(data) if background is not None else data for data in sequences)
        layer.fit((data, torch.tensor([data.shape[1]])) for data in apart)


def _weights(items: Sequence[TimelineItem]) -> Tensor:
    """float32 [C]: the root of how many times longer a class is off than on, 1 at least.

    The whole ratio would make rare classes as likely as background, and cost more false alarms than it finds.
    """
    on = np.sum([item.targets[item.known].sum(0) for item in items], axis=0)
    total = sum(int(item.known.sum()) for item in items)
    ratio = np.sqrt((total - on) / np.maximum(on, 1.0))
    return torch.from_numpy(np.clip(ratio, 1.0, MOST_WEIGHT)).float()
