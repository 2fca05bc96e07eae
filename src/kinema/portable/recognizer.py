"""The recogniser as modules of plain tensors, which a trace can follow whatever the batch and the length."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, cast

import torch
from torch import Tensor, nn

from ..model.batch import SequenceBatch
from ..model.head import activated
from ..model.recognizer import JointRecognizer, Recognizer
from ..model.separate import SeparateRecognizer
from ..temporal.model import TemporalModel
from ..temporal.pooling import absent_steps, mean_steps
from ..temporal.stack import State
from . import attention, background, recurrence

# How far the winner of a vote stays ahead where rounding would make it a tie.
AHEAD = 1e-6


class PortableRecognizer(nn.Module):
    """Of every stream in order: features float32 [B, T, D], then lengths int64 [B] -> scores float32 [B, C].

    Recipes that score every step give those scores as well, [B, T, C]. The scores are those of
    `Recognizer.class_scores`. A length of 0 is a stream that a video does not have.
    """

    def __init__(self, model: Recognizer):
        super().__init__()
        self.model = deepcopy(model).eval()
        recurrence.make_portable(self.model)
        attention.make_portable(self.model)
        background.make_portable(self.model)
        # Padding changes nothing. With more steps than any difference spans, and always some past the
        # lengths, every choice that the model makes by its input's shape is the one of the trace.
        self.spare = 1 + max(getattr(model.recipe.temporal, "lags", (0,)))

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        pairs = zip(self.model.streams, inputs[::2], inputs[1::2], strict=True)
        batch = {
            name: SequenceBatch(nn.functional.pad(x, (0, 0, 0, self.spare)), lengths)
            for name, x, lengths in pairs
        }
        if not self.model.recipe.classifier.per_step:
            return (self.model.class_scores(batch),)
        model = cast(JointRecognizer, self.model)
        output = model(batch)
        assert output.lengths is not None
        steps = _activated(model, output.logits)
        chosen = {"mean": mean_steps, "max": best_steps}.get(
            self.model.recipe.classifier.vote or "", portable_vote
        )
        return chosen(steps, output.lengths), steps[:, : -self.spare]


class PortableStep(nn.Module):
    """Of every stream x [B, D], then the state -> scores of all that was seen [B, C], then the next state.

    Recipes that score every step give the scores of this one. The first state is zeros, see `first_state`.
    Every call is one step of every stream.
    """

    def __init__(self, model: Recognizer):
        super().__init__()
        self.model = deepcopy(model).eval()

    def first_state(self, batch: int) -> list[Tensor]:
        """The state before the first step. Raises ValueError for models that need whole sequences."""
        return [t for model in self._models() for part in model.initial_state(batch) for t in part]

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        models = self._models()
        xs, rest = inputs[: len(models)], list(inputs[len(models) :])
        parts, following = {}, []
        for name, model, x in zip(self.model.streams, models, xs, strict=True):
            shape = [len(part) for part in model.initial_state(1)]
            state: State = tuple(tuple(rest.pop(0) for _ in range(count)) for count in shape)
            parts[name], state = model.step(x, state)
            following += [t for part in state for t in part]
        return (self._scores(parts), *following)

    def _models(self) -> list[TemporalModel]:
        return cast(list[TemporalModel], list(self.model.streams.values()))

    def _scores(self, parts: Mapping[str, Tensor]) -> Tensor:
        embeddings = list(parts.values())
        present = torch.ones(embeddings[0].shape[0], len(embeddings), dtype=torch.bool)
        fusion: Any = self.model.fusion
        joined = fusion(embeddings, present) if fusion else embeddings[0]
        if isinstance(self.model, SeparateRecognizer):
            svm = self.model.svm
            assert svm is not None, "a trained run has one"
            return svm.decision(joined) if svm.scale is None else svm.probabilities(joined)
        model = cast(JointRecognizer, self.model)
        return _activated(model, model.head(joined))


def best_steps(scores: Tensor, lengths: Tensor) -> Tensor:
    """The best step of every class: [B, T, C] -> [B, C]; zeros for a sequence of length 0."""
    absent = absent_steps(lengths, scores.shape[1]).unsqueeze(2)
    return scores.masked_fill(absent, 0.0).amax(1)


def portable_vote(scores: Tensor, lengths: Tensor) -> Tensor:
    """`kinema.temporal.vote.vote` without the operators that other runtimes lack: [B, T, C] -> [B, C]."""
    classes, valid = torch.arange(scores.shape[2]), ~absent_steps(lengths, scores.shape[1]).unsqueeze(2)
    votes = ((scores.argmax(2, keepdim=True) == classes) & valid).to(scores.dtype).sum(1)
    blended = votes + mean_steps(scores, lengths) / 2
    winner = blended.argmax(1, keepdim=True) == classes
    frames = lengths.unsqueeze(1).to(scores.dtype)
    result = blended / (frames + 0.5) + winner.to(scores.dtype) * AHEAD
    return result.masked_fill(frames == 0, 0.0)


def _activated(model: JointRecognizer, logits: Tensor) -> Tensor:
    return activated(model.calibrated(logits), model.recipe.classifier)
