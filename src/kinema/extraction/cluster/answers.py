"""What passes between a driver and the actors that compute for it."""

from dataclasses import dataclass, replace

from ...features.store import Shelf
from ...types import FeatureSequence
from ..messages import Finished


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the store a sequence goes."""

    shelf: Shelf
    key: str


@dataclass(frozen=True, slots=True)
class Result:
    """What a video came to: `steps` in the store, or the sequence itself where it had no place there."""

    steps: int
    found: FeatureSequence | None = None

    def sequence(self) -> FeatureSequence:
        """The features. Those that lie in the store are not here."""
        assert self.found is not None, "it was brought back"
        # Ray's memory cannot be written to, and is freed with what lies in it.
        return replace(self.found, data=self.found.data.copy(), pts_seconds=self.found.pts_seconds.copy())


@dataclass(frozen=True, slots=True)
class Answer:
    """How a video ended, or what stops the work: `failure` is one line, of a full disk or a backbone."""

    end: Finished
    result: Result | None = None
    failure: str | None = None
