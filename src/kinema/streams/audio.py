"""Sound as log-mel examples."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from ..audio.logmel import FRONT_ENDS
from ..audio.track import SoundExamples
from ..media.video import Video
from ..types import Clip
from .base import Maker, StreamSettings, Task, Tools


class AudioStream(StreamSettings):
    """The log-mel examples of the sound, of its first `max_seconds` where they are given."""

    input: Literal["audio"]
    max_seconds: Annotated[float, Field(gt=0)] | None = None

    @property
    def front_end(self) -> str:
        """The log-mel front end: that of the backbone."""
        return self.backbones[0]

    def settings(self, variant: int = 0) -> dict[str, Any]:
        return super().settings(variant) | {"front_end": self.front_end}

    def open(self, task: Task, tools: Tools, times: np.ndarray | None = None) -> "AudioMaker":
        return AudioMaker(self)

    @model_validator(mode="after")
    def _check(self) -> Self:
        self.check_kinds(("logmel",))
        if len(self.backbones) > 1:
            raise ValueError("sound takes one backbone, because each has a log-mel front end of its own")
        return self


class AudioMaker(Maker):
    """Blocks of mono samples float32 [n] in, log-mel examples out; none of silence."""

    def __init__(self, stream: AudioStream):
        super().__init__()
        front_end = FRONT_ENDS[stream.front_end]
        self.sample_rate = front_end.sample_rate
        self._examples = SoundExamples(front_end, stream.max_seconds)
        self._count = 0

    def items(self, video: Video) -> Iterator[np.ndarray]:
        """The video's sound at the front end's rate."""
        return video.sound(self.sample_rate)

    def push(self, item: np.ndarray) -> Iterable[Clip]:
        clips = self._clips(self._examples.push(item))
        self.done = self._examples.done
        return clips

    def finish(self) -> Iterable[Clip]:
        """The example that the end of the sound completes."""
        clips = self._clips(self._examples.finish())
        if not self._count:
            self.notes.append("no sound")
        return clips

    def _clips(self, examples: list[tuple[float, np.ndarray]]) -> list[Clip]:
        self._count += len(examples)
        return [Clip(pts_seconds, (example,)) for pts_seconds, example in examples]
