"""What passes between the server and its decoding processes, beside clips and the end of each job."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..inference.windows import Window
from ..media.seek import Shape
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


@dataclass(frozen=True, slots=True)
class Look:
    """A job: the shape of a file, see `kinema.media.seek`."""

    path: Path


@dataclass(frozen=True, slots=True)
class Still:
    """A job: the frame that is on at `seconds` as a JPEG of at most `lines` lines."""

    path: Path
    seconds: float
    lines: int


@dataclass(frozen=True, slots=True)
class Times:
    """A job: the times of the frames from `start` to `end` seconds."""

    path: Path
    start: float
    end: float


Job = Whole | Along | Strip | Preview | Picture | Look | Still | Times


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


@dataclass(frozen=True, slots=True)
class Seen:
    """What `Look` asked for."""

    shape: Shape


@dataclass(frozen=True, slots=True)
class Shown:
    """What `Still` asked for: the time of the frame, and the picture."""

    seconds: float
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class Counted:
    """What `Times` asked for."""

    seconds: tuple[float, ...]
