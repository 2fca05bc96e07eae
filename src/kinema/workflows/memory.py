"""How much memory this process has needed, on any system."""

import re
import sys
from pathlib import Path

import psutil

_STATUS = Path("/proc/self/status")


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
