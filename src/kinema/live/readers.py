"""From frames and sound to readings of the model: step by step, or in windows sampled as whole videos."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from functools import cache

import numpy as np

from ..extraction.loaded import Compute
from ..inference.predictor import LoadedRun
from ..media.reader import SLACK_SECONDS
from ..streams import AudioStream
from .memory import Memory, Reading, read_at_once
from .steps import FrameSteps, Picture, SoundSteps, Step, without_limit


class Reader(ABC):
    """Frames and sound in, readings out. Times are seconds on one clock and do not decrease."""

    @abstractmethod
    def frame(self, picture: Picture, seconds: float) -> list[Reading]:
        """Take the next frame."""

    @abstractmethod
    def sound(self, samples: np.ndarray, seconds: float) -> list[Reading]:
        """Take the next mono samples float32 [n], the first of them at `seconds`."""

    @abstractmethod
    def gap(self) -> None:
        """Frames are left out here: drop the clips under way."""

    @abstractmethod
    def forget(self) -> None:
        """Begin anew."""

    @abstractmethod
    def finish(self, seconds: float) -> list[Reading]:
        """The readings that only the end completes; nothing follows."""


class _Streams:
    """The streams of a run, each computing single steps; opened anew for every window."""

    def __init__(self, run: LoadedRun):
        self.run = run
        # A step is not to wait for others. Calibrated networks belong to one batch size.
        self.computes = {
            name: Compute(stream, batch_size=None if stream.calibrated else 1)
            for name, stream in run.streams.items()
        }

    def open(self, *, endless: bool) -> tuple[dict[str, FrameSteps], dict[str, SoundSteps]]:
        """The streams of frames, and those of sound."""
        frames, sounds = {}, {}
        for name, stream in self.run.streams.items():
            spec = without_limit(stream.spec) if endless else stream.spec
            if isinstance(spec, AudioStream):
                sounds[name] = SoundSteps(spec, stream.tools, self.computes[name])
            else:
                frames[name] = FrameSteps(spec, stream.tools, self.computes[name])
        return frames, sounds


class StepReader(Reader):
    """Step by step. A reading comes when every stream of frames has a new step.

    Sound counts as far as it has come; of sound alone a reading comes with each of its steps.
    """

    def __init__(self, run: LoadedRun, memory: Memory):
        self.memory = memory
        self.frames, self.sounds = _Streams(run).open(endless=True)
        self._awaited = set(self.frames or self.sounds)
        self._fresh: set[str] = set()

    def frame(self, picture: Picture, seconds: float) -> list[Reading]:
        once = cache(picture)
        for name, steps in self.frames.items():
            self._take(name, steps.push(once, seconds))
        return self._read(seconds)

    def sound(self, samples: np.ndarray, seconds: float) -> list[Reading]:
        for name, steps in self.sounds.items():
            self._take(name, steps.push(samples, seconds))
            seconds += len(samples) / steps.sample_rate
        return [] if self.frames else self._read(seconds)

    def gap(self) -> None:
        for steps in self.frames.values():
            steps.restart()
        self._fresh.clear()

    def forget(self) -> None:
        self.gap()
        for steps in self.sounds.values():
            steps.restart()
        self.memory.forget()

    def finish(self, seconds: float) -> list[Reading]:
        for name, frames in self.frames.items():
            self._take(name, frames.finish())
        for name, sounds in self.sounds.items():
            self._take(name, sounds.finish())
        # The last reading is of all that there is, whichever stream has still had a step.
        new, self._fresh = self._fresh, set(self._awaited)
        return self._read(seconds) if new else []

    def _take(self, name: str, steps: list[Step]) -> None:
        for step in steps:
            self.memory.take(name, step)
            self._fresh.add(name)

    def _read(self, seconds: float) -> list[Reading]:
        if not self._fresh >= self._awaited:
            return []
        self._fresh.clear()
        return [self.memory.reading(seconds)]


class _Window:
    """One window: streams of its own, whose clock starts with it, and the steps so far."""

    def __init__(self, streams: _Streams, start: float):
        self.start = start
        self.frames, self.sounds = streams.open(endless=False)
        self.steps: dict[str, list[Step]] = {name: [] for name in streams.run.streams}

    @property
    def done(self) -> bool:
        return bool(self.frames) and all(one.done for one in self.frames.values())

    def frame(self, picture: Picture, seconds: float) -> None:
        for name, one in self.frames.items():
            if not one.done:
                self.steps[name] += one.push(picture, max(0.0, seconds - self.start))

    def sound(self, samples: np.ndarray, seconds: float, horizon: float) -> None:
        for name, one in self.sounds.items():
            bounds = [
                round((side - seconds) * one.sample_rate) for side in (self.start, self.start + horizon)
            ]
            part = samples[max(bounds[0], 0) : max(bounds[1], 0)]
            if len(part):
                self.steps[name] += one.push(part, 0.0)

    def finish(self) -> Mapping[str, list[Step]]:
        for name, frames in self.frames.items():
            self.steps[name] += frames.finish()
        for name, sounds in self.sounds.items():
            self.steps[name] += sounds.finish()
        return self.steps


class WindowReader(Reader):
    """Windows of `seconds`, one every half of that, each sampled as a video of its own.

    A reading comes when a window is over, or as soon as nothing later in it can matter.
    """

    def __init__(self, run: LoadedRun, seconds: float):
        self.run, self.seconds = run, seconds
        self._streams = _Streams(run)
        self._has_frames = any(not isinstance(s.spec, AudioStream) for s in run.streams.values())
        self._open: deque[_Window] = deque()
        self._next: float | None = None

    def frame(self, picture: Picture, seconds: float) -> list[Reading]:
        found = self._turn(seconds)
        once = cache(picture)
        for window in self._open:
            window.frame(once, seconds)
        while self._open and self._open[0].done:
            found += self._closed(seconds)
        return found

    def sound(self, samples: np.ndarray, seconds: float) -> list[Reading]:
        found = [] if self._has_frames else self._turn(seconds)
        for window in self._open:
            window.sound(samples, seconds, self.seconds)
        return found

    def gap(self) -> None:
        self._open.clear()
        self._next = None

    forget = gap

    def finish(self, seconds: float) -> list[Reading]:
        """The window that saw most of the end."""
        found = self._closed(seconds) if self._open else []
        self._open.clear()
        return found

    def _turn(self, seconds: float) -> list[Reading]:
        """Close and open windows as time goes on."""
        found: list[Reading] = []
        now = seconds + SLACK_SECONDS
        while self._open and self._open[0].start + self.seconds <= now:
            found += self._closed(seconds)
        if self._next is None:
            self._next = seconds
        while self._next <= now:
            if self._next + self.seconds > now:
                self._open.append(_Window(self._streams, self._next))
            self._next += self.seconds / 2
        return found

    def _closed(self, seconds: float) -> list[Reading]:
        window = self._open.popleft()
        model = self.run.sequences.model
        steps = window.finish()
        if not any(steps.values()):
            return []
        spans = {name: (0, len(found)) for name, found in steps.items()}
        return [read_at_once(model, steps, window.start, seconds, spans)]
