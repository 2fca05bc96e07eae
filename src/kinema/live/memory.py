"""What is remembered of a stream's steps, and for how long: constant work and memory, however long it runs.

Three rules of forgetting, by `seconds`, the horizon:

    window   the temporal model computes the steps of the last `seconds` anew at every reading
    reset    the state is carried from step to step, and begins anew: every half horizon a second state starts
             beside it, and the older of the two answers. So an answer has between half a horizon and a
             whole one behind it, and none comes from a state that has seen nothing
    never    the state is carried for ever

Every reading equals what the model makes of the same steps at once, see `Reading.spans`.
"""

from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from ..model.batch import pad_rows
from ..model.recognizer import Recognizer, lengths_of
from ..temporal.model import TemporalModel
from ..temporal.stack import State
from .steps import Step


@dataclass(frozen=True, slots=True)
class Reading:
    """What the temporal models have made of the steps that are remembered, at one moment.

    `start_seconds` is the time of the oldest of them, `seconds` that of the moment. `spans` gives, per
    stream, the half-open range of the steps it rests on, counted since the beginning (or the last reset).
    `parts` are the streams' embeddings [1, E] ([1, T, E] where every step is kept), `lengths` int64 [1].
    """

    start_seconds: float
    seconds: float
    spans: Mapping[str, tuple[int, int]]
    parts: Mapping[str, Tensor] = field(repr=False)
    lengths: Mapping[str, Tensor] = field(repr=False)


def can_carry(model: Recognizer) -> bool:
    """Whether the temporal models go step by step, so that a state can be carried."""
    if model.recipe.classifier.per_step:
        return False  # the vote is over many steps
    try:
        for one in _models(model).values():
            one.initial_state(1)
    except ValueError:
        return False
    return True


def read_at_once(
    model: Recognizer,
    steps: Mapping[str, Sequence[Step]],
    start_seconds: float,
    seconds: float,
    spans: Mapping[str, tuple[int, int]],
) -> Reading:
    """What the temporal models make of these steps of each stream, computed anew."""
    rows = {name: _rows(found, model.dims[name]) for name, found in steps.items()}
    batch = {name: pad_rows([one]) for name, one in rows.items()}
    with torch.inference_mode():
        parts = model.embeddings(batch)
    return Reading(start_seconds, seconds, spans, parts, lengths_of(batch))


def _rows(steps: Sequence[Step], dim: int) -> Tensor:
    if not steps:
        return torch.zeros(0, dim)
    return torch.from_numpy(np.stack([step.features for step in steps]))


class Memory(ABC):
    """The steps of all streams so far, as far as they are remembered."""

    def __init__(self, model: Recognizer, seconds: float | None):
        self.model, self.seconds = model, seconds
        self.counts: Counter[str] = Counter()

    @abstractmethod
    def take(self, name: str, step: Step) -> None:
        """Take the next step of a stream."""

    @abstractmethod
    def reading(self, seconds: float) -> Reading:
        """What is remembered, at the moment `seconds`. At least one step was taken."""

    def forget(self) -> None:
        """Begin anew."""
        self.counts.clear()


class WindowMemory(Memory):
    """The steps of the last `seconds`, which the model computes at once."""

    def __init__(self, model: Recognizer, seconds: float):
        super().__init__(model, seconds)
        self._horizon = seconds
        self._steps: dict[str, deque[Step]] = {name: deque() for name in model.streams}

    def take(self, name: str, step: Step) -> None:
        self._steps[name].append(step)
        self.counts[name] += 1
        for steps in self._steps.values():
            while steps and steps[0].seconds <= step.seconds - self._horizon + 1e-6:
                steps.popleft()

    def reading(self, seconds: float) -> Reading:
        start = min(steps[0].seconds for steps in self._steps.values() if steps)
        spans = {name: (self.counts[name] - len(s), self.counts[name]) for name, s in self._steps.items()}
        return read_at_once(self.model, self._steps, start, seconds, spans)

    def forget(self) -> None:
        super().forget()
        for steps in self._steps.values():
            steps.clear()


@dataclass(slots=True)
class _Carried:
    """States that began at one moment, and what they have made of the steps since."""

    start_seconds: float
    first: Mapping[str, int]
    states: dict[str, State]
    parts: dict[str, Tensor]


class CarriedMemory(Memory):
    """States, carried from step to step; `seconds` is the horizon of `reset`, None is `never`."""

    def __init__(self, model: Recognizer, seconds: float | None):
        super().__init__(model, seconds)
        self._open: deque[_Carried] = deque()

    def take(self, name: str, step: Step) -> None:
        if not self._open or self._due(step.seconds):
            self._open.append(self._begun(step.seconds))
        while len(self._open) > 1 and self._over(step.seconds):
            self._open.popleft()
        x = torch.from_numpy(step.features)[None]
        with torch.inference_mode():
            for one in self._open:
                one.parts[name], one.states[name] = _models(self.model)[name].step(x, one.states[name])
        self.counts[name] += 1

    def reading(self, seconds: float) -> Reading:
        oldest = self._open[0]
        spans = {name: (oldest.first[name], self.counts[name]) for name in self.model.streams}
        lengths = {name: torch.tensor([stop - first]) for name, (first, stop) in spans.items()}
        return Reading(oldest.start_seconds, seconds, spans, dict(oldest.parts), lengths)

    def forget(self) -> None:
        super().forget()
        self._open.clear()

    def _due(self, seconds: float) -> bool:
        newest = self._open[-1].start_seconds
        return self.seconds is not None and seconds >= newest + self.seconds / 2 - 1e-6

    def _over(self, seconds: float) -> bool:
        """Whether the oldest state has seen a whole horizon; where steps are rare, even the next one has."""
        return self.seconds is not None and self._open[0].start_seconds <= seconds - self.seconds + 1e-6

    def _begun(self, seconds: float) -> _Carried:
        models = _models(self.model)
        return _Carried(
            seconds,
            {name: self.counts[name] for name in models},
            {name: one.initial_state(1) for name, one in models.items()},
            {name: torch.zeros(1, one.embedding_size) for name, one in models.items()},
        )


def _models(model: Recognizer) -> dict[str, TemporalModel]:
    return dict(model.streams.items())  # type: ignore[arg-type]
