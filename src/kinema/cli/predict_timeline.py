"""`kinema predict --timeline` with a run that was taught segments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..inference.answers import segment_facts
from .console import ConsoleEvents
from .videos import each_video, told, write_csv

if TYPE_CHECKING:
    from ..inference.predictor import LoadedRun


def predict_timeline(
    run: LoadedRun,
    videos: list[Path],
    min_score: float,
    events: ConsoleEvents,
    *,
    csv: Path | None,
    out: Path | None,
    annotate: Path | None,
    json: bool,
) -> list[dict[str, Any]]:
    """Show the segments of each video, without those of a lower score, and write what was asked for."""
    from ..inference.annotate import write_annotated
    from ..inference.segment_files import write_segments
    from ..inference.timeline import found_segments, stretches

    def work(video: Path) -> dict[str, Any]:
        found = [f for f in found_segments(run, video) if (f.segment.score or 0.0) >= min_score]
        segments = [f.segment for f in found]
        if annotate is not None:
            with told(annotate, "annotated video", events) as file:
                write_annotated(video, file, stretches(video, segments), progress=events.progress)
        if out is not None:
            with told(out, "segments", events) as file:
                write_segments(file, video, segments, run.labels)
        return {"timeline": segment_facts(segments)}

    def line(row: dict[str, Any]) -> str:
        return f"{row['label']} {row['score']:.3f}"

    results = each_video(videos, work, line, events, json=json)
    if csv is not None:
        write_csv(csv, results)
    return results
