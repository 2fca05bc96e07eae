"""`kinema predict`: class scores of videos, or segments along them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from ..inference.answers import TOP, prediction_facts, timeline_facts
from ..resources import Resources
from ..types import Prediction
from .checks import check_output, check_run, refuse_idle
from .console import ConsoleEvents
from .options import COMPUTING, ClusterOption, JsonOption, RunArgument, with_resources
from .predict_archive import Asked, predict_archive
from .predict_timeline import predict_timeline
from .videos import Archive, each_video, find_videos, raise_unread, told, write_csv

if TYPE_CHECKING:
    from ..inference.predictor import LoadedRun


@with_resources(*COMPUTING)
def command(
    resources: Resources,
    run: RunArgument,
    videos: Annotated[
        list[Path] | None,
        typer.Argument(metavar="VIDEO...", help="Video files, folders, quoted globs, or lists (.txt)."),
    ] = None,
    files: Annotated[
        Path | None, typer.Option(metavar="LIST", help="A list of videos, one path a line; - for stdin.")
    ] = None,
    top: Annotated[
        int | None,
        typer.Option(help="How many classes to show.", show_default=f"{TOP}; of a segment 1", min=1),
    ] = None,
    min_score: Annotated[
        float | None, typer.Option(help="Answer unknown where the best score is lower.", min=0.0, max=1.0)
    ] = None,
    risk: Annotated[
        float | None,
        typer.Option(
            help="Answer unknown where no class is likely: the share of known videos that may be refused.",
            min=0.0,
            max=1.0,
        ),
    ] = None,
    timeline: Annotated[bool, typer.Option("--timeline", help="When did it happen? Segments.")] = False,
    windows: Annotated[
        bool, typer.Option("--windows", help="The sliding windows behind the segments.")
    ] = False,
    window: Annotated[
        float | None, typer.Option(help="Seconds per window.", show_default="2", min=0.05)
    ] = None,
    stride: Annotated[
        float | None, typer.Option(help="Seconds between windows.", show_default="1", min=0.05)
    ] = None,
    tags: Annotated[
        bool, typer.Option("--tags", help="What each frame is called, where the recipe scores frames.")
    ] = False,
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a row per video or segment.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the segments of the one video (.json, .csv, .srt, or .eaf for ELAN), or, without "
            "--timeline, a row for every video (.parquet), in bounded memory.",
        ),
    ] = None,
    annotate: Annotated[
        Path | None, typer.Option(metavar="FILE.mp4", help="Write the one video with its answer on it.")
    ] = None,
    cluster: ClusterOption = None,
    json: JsonOption = False,
) -> None:
    """Name the action in videos, or, with --timeline, say when which action happens.

    A run of `train --task timeline` gives the segments that it was taught, which may overlap. Of any other
    run neighbouring windows of one label are one segment, with the mean of their scores.

    Example: kinema predict run clip.mp4 --top 3
    """
    if not timeline:
        refuse_idle("--timeline", windows=windows, window=window, stride=stride)
    if risk is not None and min_score is not None:
        raise UsageError("--risk and --min-score both say when to answer unknown; give one of them")
    if timeline and tags:
        raise UsageError("--tags are of whole videos; leave --timeline or --tags out")
    if out is not None and not timeline:
        if csv or annotate or tags:
            raise UsageError(
                "--out FILE.parquet is all that is written; leave --csv, --annotate and --tags out"
            )
        archive, question = Archive(videos or [], files), Asked(top, min_score, risk)
        predict_archive(run, archive, out, question, resources, cluster, json=json)
        return
    refuse_idle("--out FILE.parquet", cluster=cluster)
    found = find_videos(videos or [], files)
    _check_outputs(found, csv, annotate, out)
    check_run(run)
    with ConsoleEvents() as events:
        from ..inference.load import load

        loaded = load(run, resources)
        if timeline and loaded.config.recipe.timeline is not None:
            asked = {"windows": windows, "window": window, "stride": stride, "risk": risk, "top": top}
            _refuse_windows({name: value for name, value in asked.items() if value})
            results = predict_timeline(
                loaded, found, min_score or 0.0, events, csv=csv, out=out, annotate=annotate, json=json
            )
            raise_unread(results)
            return
        least = min_score if risk is None else loaded.bound(risk)
        job = _Job(loaded, least or 0.0, timeline, window or 2.0, stride or 1.0)

        def facts(prediction: Prediction) -> dict[str, Any]:
            return prediction_facts(prediction, top, least)

        def work(video: Path) -> dict[str, Any]:
            if tags:
                features = loaded.features(video)
                tagged = loaded.sequences.tags(features)
                answer = facts(loaded.sequences.predict(features, video))
                return answer | {"tags": [{"seconds": s, "label": label} for s, label in tagged]}
            raw, merged = job.answers(video, events)
            if annotate is not None:
                job.annotate(video, annotate, merged, events)
            if out is not None:
                job.write(video, out, merged, events)
            if not timeline:
                return facts(merged[0])
            shown = raw if windows else merged
            return {"timeline": timeline_facts(shown, top, least)}

        def line(row: dict[str, Any]) -> str:
            count = top or (1 if timeline and not windows else TOP)
            best = "   ".join(f"{best['label']} {best['score']:.3f}" for best in row["top"][:count])
            return f"unknown ({best})" if row.get("unknown") else best

        results = each_video(found, work, line, events, json=json)
        if csv is not None:
            write_csv(csv, results)
    raise_unread(results)


class _Job:
    """A loaded run and how it is asked."""

    def __init__(self, run: LoadedRun, min_score: float, timeline: bool, window: float, stride: float):
        self.run, self.min_score, self.timeline = run, min_score, timeline
        self.times = {"window_seconds": window, "stride_seconds": stride}

    def answers(self, video: Path, events: ConsoleEvents) -> tuple[list[Prediction], list[Prediction]]:
        """Windows, and the segments that they make; without --timeline the video's answer for both."""
        if not self.timeline:
            whole = [self.run.predict(video)]
            return whole, whole
        from ..inference.segments import segments

        raw = self.run.timeline(video, **self.times, progress=events.progress)
        return raw, segments(raw, self.min_score)

    def annotate(self, video: Path, out: Path, found: list[Prediction], events: ConsoleEvents) -> None:
        from ..inference.annotate import write_annotated

        with told(out, "annotated video", events) as file:
            write_annotated(video, file, found, min_score=self.min_score, progress=events.progress)

    def write(self, video: Path, out: Path, found: list[Prediction], events: ConsoleEvents) -> None:
        from ..inference.segment_files import write_segments
        from ..inference.timeline import segments_of

        with told(out, "segments", events) as file:
            write_segments(file, video, segments_of(found, self.min_score), self.run.labels)


def _refuse_windows(asked: dict[str, Any]) -> None:
    if asked:
        option = next(iter(asked))
        raise UsageError(f"--{option} is for runs of clips; this run was taught segments, leave it out")


def _check_outputs(
    videos: list[Path], csv: Path | None, annotate: Path | None, out: Path | None = None
) -> None:
    if out is not None:
        if len(videos) > 1:
            raise UsageError(f"--out writes the segments of one video and {len(videos)} are given; use --csv")
        from ..inference.segment_files import check_segment_ending

        check_segment_ending(out)
        check_output(out, "--out", *videos)
    if csv is not None:
        check_output(csv, "--csv", *videos)
    if annotate is not None:
        if len(videos) > 1:
            raise UsageError(f"--annotate writes one video and {len(videos)} are given; name one")
        from ..inference.annotate import check_ending

        check_ending(annotate)
        check_output(annotate, "--annotate", *videos)
