"""A loaded run on one stream; `recogniser.py` and `detector.py` say what they report of it."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np

from ..audio.logmel import FRONT_ENDS
from ..errors import UsageError
from ..inference.predictor import LoadedRun
from ..streams import AudioStream
from .memory import Reading
from .plan import Plan
from .readers import Reader

T = TypeVar("T")
# What is shown to warm up: two frames make a clip of any stream, a second of noise an example.
_WARM_FRAMES, _WARM_SIZE, _WARM_SECONDS = 2, (240, 320, 3), 1.0


class LiveModel(ABC, Generic[T]):
    """Frames and sound in, one report `T` for every reading out. It does not know where they come from.

    Times are seconds on any one clock, not decreasing. One thread at a time may feed it; several of them may
    share a run. Raises `UsageError` where the run's streams of sound have different rates.
    """

    def __init__(self, run: LoadedRun, plan: Plan):
        self.run, self.plan = run, plan
        specs = [stream.spec for stream in run.streams.values()]
        rates = {FRONT_ENDS[s.front_end].sample_rate for s in specs if isinstance(s, AudioStream)}
        if len(rates) > 1:
            raise UsageError(
                f"streams of sound with rates of {sorted(rates)} Hz cannot be heard live together"
            )
        self.sample_rate: int | None = next(iter(rates), None)
        self._seconds = 0.0
        self._reader = self._opened()

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names, in the order of the scores."""
        return self.run.labels

    def feed(self, frame: np.ndarray | Callable[[], np.ndarray], seconds: float) -> list[T]:
        """Take the next frame, uint8 [H, W, 3] RGB, or what makes it where it is wanted.

        Every frame of the source is fed: samplings that count frames count these. Raises `ValueError` for
        another form, or a time that decreases.
        """
        self._advance(seconds)
        picture = frame if callable(frame) else (lambda: frame)
        return self._reports(self._reader.frame(lambda: _checked(picture()), seconds))

    def feed_audio(self, samples: np.ndarray, seconds: float) -> list[T]:
        """Take the next mono samples, float32 [n] in [-1, 1] at `sample_rate` Hz, the first at `seconds`.

        Sound has no clock but its samples: after the first, `seconds` counts no more. What the run has no
        use for is ignored.
        """
        return self._reports(self._reader.sound(samples, seconds)) if self.sample_rate else []

    def gap(self) -> None:
        """Frames were left out here: what is under way is dropped, what is remembered stays."""
        self._reader.gap()

    def reset(self) -> None:
        """Begin anew, as after a stream that was lost."""
        self._reader.forget()
        self._forget()

    def close(self) -> list[T]:
        """The stream has ended: the reports that only the end completes."""
        return self._reports(self._reader.finish(self._seconds), ended=True)

    def warm_up(self) -> None:
        """Compute one step of each stream ahead of the first, which would compile networks otherwise."""
        reader = self._reader
        noise = np.random.default_rng(0)
        for number in range(_WARM_FRAMES):
            frame = noise.integers(0, 255, _WARM_SIZE, dtype=np.uint8)
            reader.frame(lambda frame=frame: frame, number / 25)  # type: ignore[misc]
        if self.sample_rate:
            samples = noise.uniform(-0.1, 0.1, round(_WARM_SECONDS * self.sample_rate))
            reader.sound(samples.astype(np.float32), 0.0)
        reader.finish(_WARM_FRAMES / 25)
        reader.forget()

    def _opened(self) -> Reader:
        """What reads the stream."""
        return self.plan.open(self.run)

    @abstractmethod
    def _reported(self, reading: Reading, ended: bool) -> T:
        """What is reported of a reading; `ended` where nothing follows."""

    @abstractmethod
    def _forget(self) -> None:
        """Begin anew what is reported."""

    def _reports(self, readings: list[Reading], ended: bool = False) -> list[T]:
        return [self._reported(reading, ended) for reading in readings]

    def _advance(self, seconds: float) -> None:
        if not self._seconds <= seconds < np.inf:
            raise ValueError(f"times must not decrease, but {seconds} s comes after {self._seconds} s")
        self._seconds = seconds


def _checked(frame: np.ndarray) -> np.ndarray:
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or not frame.size:
        raise ValueError(f"a frame must be uint8 [H, W, 3], got {frame.dtype} {list(frame.shape)}")
    return frame
