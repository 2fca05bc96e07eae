"""What a source says, in order: frames and sound with the moment at which they came, and how it fares."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Shot:
    """One frame at `seconds` of the stream; it came at `arrived` of `time.monotonic`. `make` converts it."""

    seconds: float
    arrived: float
    make: Callable[[], np.ndarray]

    @cached_property
    def picture(self) -> np.ndarray:
        """uint8 [H, W, 3] RGB; made when first asked for."""
        return self.make()


@dataclass(frozen=True, slots=True)
class Sound:
    """Mono samples float32 [n], the first of them at `seconds` of the stream."""

    seconds: float
    arrived: float
    samples: np.ndarray


@dataclass(frozen=True, slots=True)
class Lost:
    """The stream is lost, for this reason, and tried again after `pause` seconds."""

    reason: str
    pause: float


@dataclass(frozen=True, slots=True)
class Restored:
    """Frames come again, `outage` seconds after the stream was lost."""

    outage: float


@dataclass(frozen=True, slots=True)
class Gap:
    """Frames were dropped here."""


@dataclass(frozen=True, slots=True)
class Ended:
    """Nothing follows. `error` is why, where that is no ordinary end."""

    error: Exception | None = None


Item = Shot | Sound | Lost | Restored | Gap | Ended
