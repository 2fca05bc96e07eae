"""Who supplies frames and sound: a file, a part of one, arrays, a camera. One protocol for all of them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np

from ..errors import MediaError
from ..types import Frame, VideoRecord
from .audio import HIGHEST_RATE, LOWEST_RATE, AudioReader, finite, in_blocks, resampled
from .clock import Clock
from .container import shown
from .reader import VideoReader

Wanted = Callable[[int, float], bool]
Given = Frame | tuple[float, np.ndarray]
_USUAL_INTERVAL = 0.04


class Video(Protocol):
    """Frames and sound with their times, which count from the start of the video or of its part.

    A gap in the time stamps of more than `clock.GAP_SECONDS` is left out, whoever supplies them.
    """

    @property
    def name(self) -> str:
        """What messages call it."""

    def frames(self, wanted: Wanted | None = None) -> Iterator[Frame]:
        """The frames, RGB uint8 [H, W, 3]; `wanted` is asked by index and time, None wants all.

        Raises `MediaError` where there is none, at the end.
        """

    def sound(self, sample_rate: int) -> Iterator[np.ndarray]:
        """Mono blocks float32 [n] in [-1, 1] from time 0 on, of 10 s but the last; none without sound."""

    def times(self) -> np.ndarray | None:
        """Times of all frames, float64 [N] in seconds; None where that would use the frames up."""

    def check(self) -> None:
        """Raise `MediaError` where damage was met in what was read so far."""

    def notes(self) -> tuple[str, ...]:
        """Facts worth counting about what was read so far."""


class VideoFile:
    """A file, or the part of it that `VideoReader` and its arguments name; every reading opens it anew.

    Raises `MediaError` at the first reading where the file cannot be opened.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        start_seconds: float | None = None,
        end_seconds: float | None = None,
        frames: tuple[int, int] | None = None,
    ):
        self.path = Path(path)
        self._seconds, self._frames = (start_seconds, end_seconds), frames
        self._times: np.ndarray | None = None
        self._readers: list[VideoReader | AudioReader] = []

    @classmethod
    def of(cls, record: VideoRecord) -> Self:
        """The piece of video that a record names."""
        return cls(
            record.path,
            start_seconds=record.start_seconds,
            end_seconds=record.end_seconds,
            frames=record.frames,
        )

    @property
    def name(self) -> str:
        """The path as it can be printed."""
        return shown(self.path)

    def frames(self, wanted: Wanted | None = None) -> Iterator[Frame]:
        """See `Video`. Decodes all frames up to the last one taken, converts the wanted ones."""
        with self._reader() as reader:
            yield from reader.read(wanted)

    def sound(self, sample_rate: int) -> Iterator[np.ndarray]:
        """See `Video` and `AudioReader`. A part in frames is heard until the next frame."""
        start, end = self._seconds if self._frames is None else self._heard(*self._frames)
        with AudioReader(self.path, sample_rate=sample_rate, start_seconds=start, end_seconds=end) as reader:
            self._readers.append(reader)
            yield from reader.blocks()

    def times(self) -> np.ndarray:
        """See `Video`. Decodes the part without conversion at the first call and remembers the answer."""
        if self._times is None:
            with self._reader() as reader:
                self._times = reader.timestamps()
        return self._times

    def check(self) -> None:
        for reader in self._readers:
            if reader.damage:
                raise MediaError(f"{self.name} is damaged: {reader.damage}; replace it")

    def notes(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(reader.note for reader in self._readers if reader.note))

    def _reader(self) -> VideoReader:
        start, end = self._seconds
        reader = VideoReader(self.path, start_seconds=start, end_seconds=end, frames=self._frames)
        self._readers.append(reader)
        return reader

    def _heard(self, first: int, stop: int) -> tuple[float, float | None]:
        """The time of frame `first` and that of frame `stop`, None where the file ends before it."""
        with VideoReader(self.path, frames=(0, stop + 1)) as reader:
            times = reader.timestamps()
        start = times[min(first, len(times) - 1)]
        return float(start), float(times[stop]) if stop < len(times) else None


class GivenFrames:
    """Frames, and sound, that the caller has or makes: a list, decoded frames, a generator, a camera.

    A sequence can be read again and knows its times; an iterator is read once. A pair's time may count from
    anywhere (a camera's clock): the first frame's becomes 0. A `Frame` keeps the time that it has. Frames are
    numbered from 0.

    Args:
        frames: `Frame`s, or pairs of seconds and picture; uint8 [H, W, 3] RGB, times not decreasing.
        sound: samples per second, and mono samples from time 0 on, float [n], whole or in blocks.
        name: what messages call it.

    Raises `ValueError` while reading, where a frame or the sound has another form, times decrease, or an
    iterator is read again.
    """

    def __init__(
        self,
        frames: Iterable[Given],
        *,
        sound: tuple[int, np.ndarray | Iterable[np.ndarray]] | None = None,
        name: str = "frames",
    ):
        self.name = name
        self._frames = _Supply(frames, name)
        rate, samples = sound or (LOWEST_RATE, ())
        if not LOWEST_RATE <= rate <= HIGHEST_RATE:
            raise ValueError(
                f"{name}: sound has {LOWEST_RATE} to {HIGHEST_RATE} samples per second, got {rate}"
            )
        self._rate = rate
        self._sound = _Supply([samples] if isinstance(samples, np.ndarray) else samples, f"sound of {name}")
        self._clock = Clock(_USUAL_INTERVAL)

    def frames(self, wanted: Wanted | None = None) -> Iterator[Frame]:
        index = -1
        for index, (seconds, picture) in enumerate(self._timed()):
            if wanted is None or wanted(index, seconds):
                yield Frame(index, seconds, picture)
        if index < 0:
            raise MediaError(f"{self.name}: there is no frame; give at least one")

    def sound(self, sample_rate: int) -> Iterator[np.ndarray]:
        """See `Video`. Another rate is resampled as a file's is."""
        pieces = ((piece, self._rate) for block in self._sound.take() for piece in self._pieces(block))
        yield from in_blocks(resampled(pieces, sample_rate), sample_rate)

    def times(self) -> np.ndarray | None:
        """See `Video`; None for an iterator."""
        if not self._frames.lasts:
            return None
        return np.array([seconds for seconds, _ in self._timed()], np.float64)

    def check(self) -> None:
        """See `Video`; what is given is never damaged."""

    def notes(self) -> tuple[str, ...]:
        return (self._clock.note,) if self._clock.note else ()

    def _timed(self) -> Iterator[tuple[float, np.ndarray]]:
        """Time and picture of each frame, checked. A gap is as long as the step before it."""
        stamp = -np.inf
        for number, given in enumerate(self._frames.take()):
            frame = given if isinstance(given, Frame) else Frame(number, *given)
            self._check_frame(frame, number, stamp)
            if number == 0:
                clock = self._clock = Clock(_USUAL_INTERVAL, 0.0 if isinstance(given, Frame) else None)
            yield clock.seconds(frame.pts_seconds), frame.data
            if 0 < frame.pts_seconds - stamp <= 1:
                clock.interval_seconds = frame.pts_seconds - stamp
            stamp = frame.pts_seconds

    def _check_frame(self, frame: Frame, number: int, previous: float) -> None:
        picture = frame.data
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
            form = f"{picture.dtype} {list(picture.shape)}"
            raise ValueError(f"{self.name}: frame {number} must be uint8 [H, W, 3], got {form}")
        if not previous <= frame.pts_seconds < np.inf:
            what = f"{frame.pts_seconds} s comes after {previous} s"
            raise ValueError(f"{self.name}: times must not decrease, but at frame {number} {what}")

    def _pieces(self, block: np.ndarray) -> Iterator[np.ndarray]:
        """A block of sound in pieces of a second, checked."""
        if block.ndim != 1 or block.dtype.kind != "f":
            form = f"{block.dtype} {list(block.shape)}"
            raise ValueError(f"{self.name}: sound must be mono, float [n] in [-1, 1], got {form}")
        for start in range(0, len(block), self._rate):
            yield finite(block[start : start + self._rate])


class _Supply:
    """Items that a caller gave: a sequence serves any number of readings, an iterator one."""

    def __init__(self, items: Iterable[Any], name: str):
        self.lasts = isinstance(items, Sequence)
        self._items: Iterable[Any] | None = items
        self._name = name

    def take(self) -> Iterable[Any]:
        items, self._items = self._items, self._items if self.lasts else None
        if items is None:
            raise ValueError(f"{self._name}: an iterator can be read once only; give a list to read it again")
        return items
