"""A file of a stranger: it is read as any other, and no further than the limits."""

from collections.abc import Iterator

import numpy as np

from ..errors import MediaError
from ..media.video import VideoFile, Wanted
from ..types import Frame
from .limits import Limits


class TooLarge(MediaError):
    """The file is beyond a limit; it may be sound otherwise."""


class BoundedFile(VideoFile):
    """A `VideoFile` that raises `TooLarge` when a limit is passed.

    A length that the header claims is refused at once; one that it hides, when its frames are met.
    """

    def __init__(self, path: str, limits: Limits):
        super().__init__(path)
        self.limits = limits

    def frames(self, wanted: Wanted | None = None) -> Iterator[Frame]:
        """See `VideoFile`."""

        def within(index: int, seconds: float) -> bool:
            self._check_seconds(seconds)
            return wanted is None or wanted(index, seconds)

        with self._reader() as reader:
            self._check_size(reader.info.width, reader.info.height)
            self._check_seconds(reader.info.duration_seconds or 0.0)
            yield from reader.read(within)

    def sound(self, sample_rate: int) -> Iterator[np.ndarray]:
        """See `VideoFile`."""
        samples = 0
        for block in super().sound(sample_rate):
            samples += len(block)
            self._check_seconds(samples / sample_rate)
            yield block

    def times(self) -> np.ndarray:
        """See `VideoFile`."""
        if self._times is None:
            found: list[float] = []

            def note(index: int, seconds: float) -> bool:
                found.append(seconds)
                return False

            for _ in self.frames(note):
                pass
            self._times = np.array(found, np.float64)
        return self._times

    def _check_seconds(self, seconds: float) -> None:
        most = self.limits.video_seconds
        if seconds > most:
            raise TooLarge(f"{self.name} is longer than {most:g} s; send a shorter part")

    def _check_size(self, width: int, height: int) -> None:
        check_size(self.name, width, height, self.limits)


def check_size(name: str, width: int, height: int, limits: Limits) -> None:
    """Raise `TooLarge` for pictures of more pixels than there may be."""
    most = limits.megapixels
    if width * height > most * 1e6:
        size = f"{width}x{height}"
        raise TooLarge(f"{name} has frames of {size}, over {most:g} megapixels; scale it down")
