"""Segments as files of other programs: JSON, CSV, subtitles (SRT) and ELAN's .eaf."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from ..atomic import write_text
from ..datasets.timeline import elan
from ..errors import UsageError
from ..types import Segment
from ..urls import as_url

Labels = Sequence[str]


def _json(path: Path, video: Path, segments: Sequence[Segment], labels: Labels) -> str:
    rows = [
        {"start": s.start_seconds, "end": s.end_seconds, "label": s.label, "score": s.score} for s in segments
    ]
    return json.dumps({"video": as_url(video), "labels": list(labels), "timeline": rows}, indent=2) + "\n"


def _csv(path: Path, video: Path, segments: Sequence[Segment], labels: Labels) -> str:
    """The form that `train --task timeline` reads, with the score beside."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("file_name", "label", "start", "end", "score"))
    name = video.name if path.absolute().parent == video.absolute().parent else str(video.absolute())
    for s in segments:
        score = "" if s.score is None else f"{s.score:.6g}"
        rows.writerow((name, s.label, f"{s.start_seconds:.3f}", f"{s.end_seconds:.3f}", score))
    return text.getvalue()


def _srt(path: Path, video: Path, segments: Sequence[Segment], labels: Labels) -> str:
    """Numbered cues in the order of their starts; those of actions at one time overlap, which SRT allows."""
    cues = (
        f"{number}\n{_clock(s.start_seconds)} --> {_clock(s.end_seconds)}\n{' '.join(s.label.split())}\n"
        for number, s in enumerate(segments, start=1)
    )
    return "\n".join(cues)


def _clock(seconds: float) -> str:
    """`01:02:03,450`."""
    thousandths = round(1000 * seconds)
    minutes, rest = divmod(thousandths, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d},{rest % 1000:03d}"


WRITERS: dict[str, Callable[[Path, Path, Sequence[Segment], Labels], str]] = {
    ".json": _json,
    ".csv": _csv,
    ".srt": _srt,
    elan.ENDING: elan.write,
}


def check_segment_ending(path: Path) -> None:
    """Raise `UsageError` unless the file's ending is one that segments can be written in."""
    if path.suffix.lower() not in WRITERS:
        raise UsageError(f"cannot write segments to '{path.name}'; give it one of {', '.join(WRITERS)}")


def write_segments(path: Path, video: Path, segments: Sequence[Segment], labels: Labels) -> None:
    """Write the segments of a video in the form that the ending of `path` says, whole or not at all."""
    check_segment_ending(path)
    write_text(path, WRITERS[path.suffix.lower()](path, video, segments, labels))
