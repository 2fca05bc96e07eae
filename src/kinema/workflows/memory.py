"""How much memory this process and its workers have needed, on any system."""

import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

_STATUS = Path("/proc/self/status")
_SECONDS = 0.5  # between two looks: workers live for seconds at least


class PeakMemory:
    """The most memory that this process, and it with its workers while they are `watched`, has held at once.

    Pages that processes share count in each of them, so that with workers it is an upper bound.
    """

    def __init__(self) -> None:
        self._seen = 0

    @property
    def bytes(self) -> int:
        """The peak so far."""
        return max(self._seen, peak_memory())

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look at all processes from time to time meanwhile."""
        ended = threading.Event()
        thread = threading.Thread(target=self._watch, args=(ended,), daemon=True, name="peak memory")
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _watch(self, ended: threading.Event) -> None:
        while not ended.wait(_SECONDS):
            self._seen = max(self._seen, held())


def held() -> int:
    """Resident bytes of this process and all that it has started."""
    own = psutil.Process()
    total = own.memory_info().rss
    for child in own.children(recursive=True):
        with suppress(psutil.Error):  # it may end at any moment
            total += child.memory_info().rss
    return int(total)


def peak_memory() -> int:
    """The most memory that this process has held at once, in bytes."""
    info = psutil.Process().memory_info()
    if hasattr(info, "peak_wset"):  # Windows, which has no `resource`
        return int(info.peak_wset)
    # On Linux ru_maxrss starts at the peak of the parent process, VmHWM does not.
    found = re.search(r"VmHWM:\s+(\d+) kB", _STATUS.read_text()) if _STATUS.exists() else None
    if found:
        return int(found[1]) * 1024
    import resource

    # Kilobytes, on macOS bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
