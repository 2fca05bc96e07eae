"""What every machine of a cluster must have: the same Kinema, the videos, and the feature store."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ... import __version__
from ...atomic import temporary_name
from ...errors import KinemaError, WorkError
from ...types import VideoRecord
from ...urls import in_bucket


class Unreachable(WorkError):
    """A machine does not see what it needs; no video is to blame. `machine` is Ray's id of it."""

    def __init__(self, message: str, machine: str = ""):
        super().__init__(message)
        self.machine = machine

    def __reduce__(self) -> tuple[type["Unreachable"], tuple[str, str]]:
        return Unreachable, (str(self), self.machine)


@dataclass(frozen=True, slots=True)
class Site:
    """What is looked for on a machine: a video of `size` bytes, and a mark in the store if there is one."""

    version: str
    video: Path
    size: int
    mark: Path | None = None

    def check(self, machine: str = "") -> None:
        """Raise `Unreachable` for what is not here, with the cure."""
        why = self._trouble()
        if why is not None:
            raise Unreachable(why, machine)

    def _trouble(self) -> str | None:
        if self.version != __version__:
            return f"has Kinema {__version__}, and the work was started with {self.version}; install the same"
        if in_bucket(self.video):
            return _trouble_with(self.video)
        if not _is_file(self.video, self.size):
            return f"does not see the videos ({self.video}); put them into a folder that all machines share"
        if self.mark is None:
            return None
        folder, cure = self.mark.parent, "give --features in a folder that all machines share"
        if not self.mark.is_file():
            return f"does not see the feature store ({folder}); {cure}"
        return None if os.access(folder, os.W_OK) else f"cannot write to {folder}; {cure} and may write to"


@contextmanager
def site_of(record: VideoRecord, store: Path | None) -> Iterator[Site]:
    """The site of work on videos like `record` and, where features are stored, in `store`."""
    try:
        size = record.path.stat().st_size
    except OSError:
        size = -1
    video, mark = record.path.absolute(), None
    if store is not None:
        mark = temporary_name(store.absolute() / "shared")
        mark.touch()
    try:
        yield Site(__version__, video, size, mark)
    finally:
        if mark is not None:
            mark.unlink(missing_ok=True)


def _trouble_with(video: Path) -> str | None:
    """What keeps this machine from a bucket. An object that is gone is no trouble of the machine's."""
    try:
        video.stat()
    except FileNotFoundError:
        return None
    except KinemaError as error:
        return f"does not reach the videos: {error}"
    return None


def _is_file(path: Path, size: int) -> bool:
    try:
        return size < 0 or path.stat().st_size == size
    except OSError:
        return False
