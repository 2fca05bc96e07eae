"""Annotations of long videos: formats on disk -> whole files with segments, their splits and checks.

Here are the table of formats and the one function that reads any of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...errors import UsageError
from ..files import data_root
from . import activitynet, boris, csv_segments, elan, kth_sequences, thumos
from .assemble import Annotations, assemble
from .split import check_timelines, ensure_timeline_split
from .timeline_set import TimelineSet

__all__ = ["FORMATS", "TimelineSet", "check_timelines", "ensure_timeline_split", "load_timelines"]


@dataclass(frozen=True, slots=True)
class Format:
    """How one format is recognised and read."""

    read: Callable[..., Annotations]
    detect: Callable[[Path], bool]


# In the order of detection: an export of BORIS's is a CSV too.
FORMATS: dict[str, Format] = {
    "boris": Format(boris.read, boris.detect),
    "csv": Format(csv_segments.read, csv_segments.detect),
    "activitynet": Format(activitynet.read, activitynet.detect),
    "elan": Format(elan.read, elan.detect),
    "kth": Format(kth_sequences.read, kth_sequences.detect),
    "thumos": Format(thumos.read, thumos.detect),
}


def load_timelines(data: str | Path, *, layout: str = "auto", split: int | None = 1) -> TimelineSet:
    """The whole files of an annotation with the segments in them.

    `layout` is a key of `FORMATS` or "auto"; with `split` None an official split (KTH's) is left out. Raises
    `UsageError`.
    """
    root = data_root(data)
    if layout not in ("auto", *FORMATS):
        raise UsageError(f"timelines have no layout '{layout}'; choose auto, {', '.join(FORMATS)}")
    if not root.exists():
        raise UsageError(
            f"{root} does not exist; give a file of segments, or a folder of ELAN, THUMOS or KTH"
        )
    detected = (name for name, known in FORMATS.items() if known.detect(root))
    name = next(detected, None) if layout == "auto" else layout
    if name is None:
        raise UsageError(
            f"{root} has no segments; give a CSV with file_name,label,start,end, ActivityNet's JSON,"
            " ELAN's .eaf, an export of BORIS, or a folder of THUMOS or KTH"
        )
    return assemble(FORMATS[name].read(root, split=split))
