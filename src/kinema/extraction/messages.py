"""What passes between the two halves of extraction: jobs one way, clips and the end of each job the other."""

from dataclasses import dataclass
from typing import Self

from ..errors import BucketError, KinemaError
from ..resources import Resources
from ..streams.base import StreamSettings, Task
from ..types import Clip, VideoRecord


@dataclass(frozen=True, slots=True)
class Setting:
    """What the jobs that follow have in common; `threads` are those of optical flow.

    `resizes_later`: frames are resized by the device that computes them.
    """

    stream: StreamSettings
    resources: Resources
    threads: int = 1
    resizes_later: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work: the clips of this record."""

    record: VideoRecord
    task: Task


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker has its setting and can take jobs."""


# (shape, dtype) of each array of a clip.
Arrays = tuple[tuple[tuple[int, ...], str], ...]


@dataclass(frozen=True, slots=True)
class Placed:
    """Clips, time and arrays of each, one behind the other in the file: `size` bytes from `offset`."""

    offset: int
    size: int
    clips: tuple[tuple[float, Arrays], ...]


@dataclass(frozen=True, slots=True)
class Taken:
    """The parent has the clips that were placed first of those not yet taken."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of a job: facts worth counting, or why the file could not be read.

    `skipped` says that nobody needed the job any more when its turn came; `fatal` that the error is not the
    file's fault (a full disk, or, where it is `away`, a bucket), so that going on makes no sense.
    """

    notes: tuple[str, ...] = ()
    error: str | None = None
    skipped: bool = False
    fatal: bool = False
    away: bool = False

    @classmethod
    def of(cls, error: KinemaError | OSError) -> Self:
        """The end of a job that `error` stopped: a bucket's fault, the file's, or the disk's."""
        if isinstance(error, BucketError):
            return cls(error=str(error), fatal=True, away=True)
        if isinstance(error, KinemaError):
            return cls(error=str(error))
        return cls(error=f"{type(error).__name__}: {error}", fatal=True)


Message = Clip | Finished
