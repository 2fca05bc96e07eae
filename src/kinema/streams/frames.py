"""What the streams of frames, RGB and flow, have in common: a sampling, which may go by motion."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..media.video import Video
from ..sampling.frames import count_within
from ..sampling.specs import Adaptive, Sampling, Uniform
from .base import Maker, StreamSettings
from .motion import describe_motion


class FrameStream(StreamSettings):
    """A stream of frames chosen by `sampling`, which each declares in its own place among its keys."""

    if TYPE_CHECKING:
        sampling: Sampling

    @property
    def adaptive(self) -> Adaptive | None:
        """The sampling, where it goes by motion."""
        return self.sampling if isinstance(self.sampling, Adaptive) else None

    @property
    def limit(self) -> float | None:
        """Seconds from the start among which the sampling chooses; None is without end."""
        return self.sampling.seconds if isinstance(self.sampling, Adaptive | Uniform) else None

    @property
    def needs_times(self) -> bool:
        """Frames at equal distances are known when the number of frames is."""
        return isinstance(self.sampling, Uniform)

    @property
    def flow_methods(self) -> tuple[tuple[str, str], ...]:
        """The flow by which adaptive sampling goes."""
        spec = self.adaptive
        return ((spec.motion, spec.weights),) if spec and spec.motion != "difference" else ()

    def settings(self, variant: int = 0) -> dict[str, Any]:
        motion = {"motion": describe_motion(self.adaptive)} if self.adaptive else {}
        return super().settings(variant) | motion

    def without_weights(self) -> dict[str, Any]:
        return super().without_weights() | ({"sampling.weights": "none"} if self.adaptive else {})

    def total(self, times: np.ndarray | None) -> int | None:
        """How many frames the sampling chooses from, where the times of all frames are known."""
        return None if times is None else count_within(times, self.limit)


class FrameMaker(Maker):
    """A maker that is fed RGB frames."""

    @abstractmethod
    def wants(self, index: int, pts_seconds: float) -> bool:
        """Whether the frame at this index and time is needed; others need not be converted.

        The first frame behind all that is sampled is asked for too: it ends the reading.
        """

    def items(self, video: Video) -> Iterator[Any]:
        return video.frames(self.wants)
