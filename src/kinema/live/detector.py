"""An anomaly detector on a stream: a verdict at every reading, and alarms, one for each stretch of them."""

from dataclasses import dataclass

import numpy as np
import torch

from ..anomaly.detector import Verdict
from ..errors import WorkError
from ..inference.anomaly import LoadedDetector
from .memory import Reading
from .model import LiveModel
from .plan import Rule, plan_for
from .smoothing import Average

# An alarm is over when the error has fallen this far below the threshold.
RELEASE = 0.9


@dataclass(frozen=True, slots=True)
class Watched:
    """The verdict on what was seen from `start_seconds` to `seconds`, its error smoothed over time.

    `alarm` is the number of the alarm that stands, from 1 on, None where there is none; `raised` says that it
    is raised with this verdict.
    """

    seconds: float
    start_seconds: float
    verdict: Verdict
    alarm: int | None
    raised: bool


class LiveDetector(LiveModel[Watched]):
    """`feed` it frames and sound as a `LiveRecogniser`; it returns verdicts.

    The threshold belongs to whole normal videos: so the horizon is as long as their median unless told
    otherwise, and no alarm is raised before all of it was seen. Errors are averaged over `smoothing_seconds`.
    """

    def __init__(
        self,
        loaded: LoadedDetector,
        *,
        rule: Rule = "auto",
        horizon_seconds: float | None = None,
        smoothing_seconds: float = 0.25,
    ):
        self.detector = loaded.detector
        plan = plan_for(loaded.run, rule, horizon_seconds or loaded.detector.seconds)
        super().__init__(loaded.run, plan)
        self._average = Average(smoothing_seconds)
        self._alarms, self._stands = 0, False

    def _reported(self, reading: Reading, ended: bool) -> Watched:
        with torch.inference_mode():
            found = self.run.sequences.model.embedding_of(reading.parts, reading.lengths)[0].float().cpu()
        if not found.isfinite().all():
            raise WorkError("embeddings are not finite; train the run again")
        error = float(self._average.push(np.array([self.detector.error(found)]), reading.seconds)[0])
        verdict = self.detector.judged(error)
        raised = self._settled(reading) and not self._stands and verdict.anomalous
        if raised:
            self._alarms += 1
        self._stands = raised or (self._stands and error > RELEASE * verdict.threshold)
        alarm = self._alarms if self._stands else None
        return Watched(reading.seconds, reading.start_seconds, verdict, alarm, raised)

    def _settled(self, reading: Reading) -> bool:
        """Whether as much was seen as lies behind the reading of a stream that has run for long."""
        least = {"whole": 0.0, "reset": 0.5}.get(self.plan.rule, 1.0) * self.plan.seconds
        return reading.seconds - reading.start_seconds >= least - self.plan.step_seconds

    def _forget(self) -> None:
        self._average.forget()
        self._stands = False
