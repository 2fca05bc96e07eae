"""One stream of a recipe, live: frames or sound in, features out, each step as soon as it is complete.

Samplings that go on for ever (rate, jump, segments, windows) do so: a limit of theirs, such as `max_frames`,
is lifted, because how far back a decision looks is the memory's matter (`memory.py`).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..extraction.engine import Compute
from ..sampling.specs import Jump, Rate, Segments, Windows
from ..streams import AudioStream, StreamSettings, Task, Tools
from ..streams.audio import AudioMaker
from ..streams.frames import FrameMaker, FrameStream
from ..types import Clip, Frame

# Makes the frame, uint8 [H, W, 3] RGB; asked only where a stream wants it.
Picture = Callable[[], np.ndarray]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a feature sequence: the time of its first frame, in seconds, and float32 [D]."""

    seconds: float
    features: np.ndarray


def goes_on(spec: StreamSettings) -> bool:
    """Whether a stream's steps follow one by one, however long the video is."""
    return not isinstance(spec, FrameStream) or isinstance(spec.sampling, Rate | Jump | Segments | Windows)


def without_limit(spec: StreamSettings) -> StreamSettings:
    """The stream, with a sampling that does not end."""
    if isinstance(spec, AudioStream):
        return spec.model_copy(update={"max_seconds": None})
    if not isinstance(spec, FrameStream):
        return spec
    sampling: Any = spec.sampling
    match sampling:
        case Rate() | Jump():
            sampling = sampling.model_copy(update={"max_frames": None})
        case Segments():
            sampling = sampling.model_copy(update={"max_segments": None})
    return spec.model_copy(update={"sampling": sampling})


class FrameSteps:
    """A stream of frames, by its settings `spec`. Frames are numbered from 0 since the last `restart`."""

    def __init__(self, spec: StreamSettings, tools: Tools, compute: Compute):
        self.spec, self.tools, self.compute = spec, tools, compute
        self.restart()

    def restart(self) -> None:
        """Drop the clip under way: no clip spans a gap."""
        maker = self.spec.open(Task(), self.tools)
        assert isinstance(maker, FrameMaker)
        self.maker, self._index, self._shape = maker, 0, ()

    def push(self, picture: Picture, seconds: float) -> list[Step]:
        """Take the next frame; returns the steps that it completes."""
        if not self.maker.wants(self._index, seconds):
            self._index += 1
            return []
        data = picture()
        if self._shape not in ((), data.shape):  # a camera was turned
            self.restart()
        self._shape = data.shape
        frame = Frame(self._index, seconds, data)
        self._index += 1
        return computed(self.maker.push(frame), self.compute)

    @property
    def done(self) -> bool:
        """Whether no later frame can matter."""
        return self.maker.done

    def finish(self) -> list[Step]:
        """The steps that only the end completes; nothing follows."""
        return computed(self.maker.finish(), self.compute) if self._index else []


class SoundSteps:
    """A stream of sound, at `sample_rate` Hz."""

    def __init__(self, spec: StreamSettings, tools: Tools, compute: Compute):
        self.spec, self.tools, self.compute = spec, tools, compute
        self.restart()

    def restart(self) -> None:
        """Drop the example under way."""
        maker = self.spec.open(Task(), self.tools)
        assert isinstance(maker, AudioMaker)
        self.maker, self.sample_rate = maker, maker.sample_rate
        self._origin: float | None = None

    def push(self, samples: np.ndarray, seconds: float) -> list[Step]:
        """Take mono samples float32 [n] in [-1, 1], of which the first is at `seconds`."""
        if self._origin is None:
            self._origin = seconds
        return self._timed(self.maker.push(samples))

    def finish(self) -> list[Step]:
        """The step that only the end completes; nothing follows."""
        return self._timed(self.maker.finish())

    def _timed(self, clips: Iterable[Clip]) -> list[Step]:
        """Steps on the clock of the frames: the maker counts from its first sample."""
        origin = self._origin or 0.0
        return [Step(origin + step.seconds, step.features) for step in computed(clips, self.compute)]


def computed(clips: Iterable[Clip], compute: Compute) -> list[Step]:
    """The steps of these clips. A clip that comes again, as where the source is slower than the sampling, is
    computed once."""
    steps: list[Step] = []
    before: Clip | None = None
    for clip in clips:
        again = before is not None and all(a is b for a, b in zip(clip.inputs, before.inputs, strict=True))
        features = steps[-1].features if again else compute([clip.inputs])[0]
        steps.append(Step(clip.pts_seconds, features))
        before = clip
    return steps
