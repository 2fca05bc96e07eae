"""What passes between the server and its decoding processes, beside clips and the end of each job."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..inference.windows import Window
from ..report.data import FilmStrip
from ..resources import Resources
from ..streams.base import StreamSettings
from .limits import Limits


@dataclass(frozen=True, slots=True)
class Opening:
    """The first message to a process: what all jobs have in common. `scratch` takes what does not stay."""

    streams: Mapping[str, StreamSettings]
    resources: Resources
    limits: Limits
    scratch: Path


@dataclass(frozen=True, slots=True)
class Whole:
    """A job: the clips of a file, stream by stream."""

    path: Path


@dataclass(frozen=True, slots=True)
class Along:
    """A job: the sliding windows of a file, then the clips of each."""

    path: Path
    window_seconds: float
    stride_seconds: float


@dataclass(frozen=True, slots=True)
class Strip:
    """A job: the frames nearest to `times` (ascending seconds) as one picture."""

    path: Path
    times: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """A job: the file as an MP4 that browsers play, written to `out`."""

    path: Path
    out: Path


@dataclass(frozen=True, slots=True)
class Picture:
    """A job: a JPEG as a clip of one array, uint8 [H, W, 3] RGB."""

    data: bytes


Job = Whole | Along | Strip | Preview | Picture


@dataclass(frozen=True, slots=True)
class Of:
    """The clips and the end that follow are of this stream, and of the window of this number."""

    stream: str
    number: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The last `Of` has no more clips."""


@dataclass(frozen=True, slots=True)
class Found:
    """The windows of a file, in order."""

    windows: list[Window]


@dataclass(frozen=True, slots=True)
class Beyond:
    """The job ends because a limit was passed."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """What `Strip` asked for."""

    strip: FilmStrip
