"""A trained recogniser on a stream: decisions as frames come in.

recogniser = LiveRecogniser(kinema.load("run"))
for seconds, frame in camera:
    for decision in recogniser.feed(frame, seconds):
        print(decision.as_json())
"""

import numpy as np
import torch

from ..errors import WorkError
from ..inference.predictor import LoadedRun
from .decision import Decision
from .memory import Reading
from .model import LiveModel
from .plan import Rule, plan_for
from .smoothing import Smoother, Smoothing

# Of the horizon, what must be seen before an answer is given: statistics of a few frames mislead.
SETTLED = 0.25


class LiveRecogniser(LiveModel[Decision]):
    """`feed` it frames, `feed_audio` sound, `close` it at the end; each returns the decisions that are due.

    rule, horizon_seconds: what is remembered, see `kinema.live.memory`; `plan` says what they came to.
    smoothing: how answers follow the scores. Until a quarter of the horizon was seen the answer is unknown.
    Raises `UsageError` where the run cannot work by that rule.
    """

    def __init__(
        self,
        run: LoadedRun,
        *,
        rule: Rule = "auto",
        horizon_seconds: float | None = None,
        smoothing: Smoothing = Smoothing(),  # frozen
    ):
        super().__init__(run, plan_for(run, rule, horizon_seconds))
        self._smoother = Smoother(smoothing)

    def _reported(self, reading: Reading, ended: bool) -> Decision:
        with torch.inference_mode():
            scores = self.run.sequences.model.scores_of(reading.parts, reading.lengths)[0].cpu().numpy()
        if not np.isfinite(scores).all():
            raise WorkError("class scores are not finite; train the run again")
        seen = reading.seconds - reading.start_seconds
        settled = ended or self.plan.rule == "whole" or seen >= SETTLED * self.plan.seconds
        answer = self._smoother.push(scores, reading.seconds, settled=settled)
        return Decision(
            seconds=reading.seconds,
            start_seconds=reading.start_seconds,
            labels=self.labels,
            scores=scores,
            smoothed=answer.scores.astype(np.float32),
            label=None if answer.label is None else self.labels[answer.label],
            since=answer.since,
            changed=answer.changed,
            spans=reading.spans,
        )

    def _forget(self) -> None:
        self._smoother.forget()
