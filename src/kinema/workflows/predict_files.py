"""Answers for an archive: many videos in bounded memory, one row each, into one Parquet file.

Videos are answered in chunks, and each chunk is a file of its own in a folder beside the result until all are
there. So what was stopped goes on: a chunk of the same videos, run and question is not computed again.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..buckets import as_path, delivered
from ..buckets.ahead import fetched_ahead
from ..errors import UsageError, WorkError
from ..extraction.engine import Done, SequenceBuffer, sequences
from ..extraction.loaded import LoadedStream
from ..extraction.messages import Job
from ..extraction.pool import DecodingPool
from ..inference.answer_file import Answers, join_answers
from ..inference.answers import prediction_facts
from ..inference.load import load
from ..inference.predictor import LoadedRun
from ..resources import Resources
from ..streams import Task
from ..types import FeatureSequence, VideoRecord
from ..urls import as_url
from .context import Context
from .events import SILENT, Events
from .on_cluster import context_on, fitted_run
from .pace import Pace

# Of a chunk, whichever comes first: with several streams the features of so many wait in memory.
CHUNK_VIDEOS, CHUNK_BYTES = 64, 2 << 30

Row = dict[str, Any]
# Computes one stream of several videos, as they end.
Computing = Callable[[LoadedStream, Sequence[Job]], Generator[Done[Any], None, None]]


@dataclass(frozen=True, slots=True)
class PredictResult:
    """What was written: a row for each of `videos`, `failed` of them with their error."""

    file: Path
    videos: int
    failed: int


def predict_files(
    run: str | Path,
    videos: Iterable[str | Path],
    out: str | Path,
    *,
    top: int | None = None,
    min_score: float | None = None,
    risk: float | None = None,
    total: int = 0,
    resources: Resources | None = None,
    events: Events = SILENT,
    cluster: str | None = None,
) -> PredictResult:
    """Write the answer for every video to the Parquet file `out`; columns as the keys of `predict --json`.

    `videos` may be any number, and come one by one; `total` says how many for the display. A file that cannot
    be read is a row with its `error`. `cluster`: machines of Ray that do it (auto, local or ray://HOST:PORT).
    Raises `UsageError` (wrong call) or `WorkError` (nothing readable, disk full); what is done is kept.
    """
    out = as_path(out)
    if out.suffix.lower() != ".parquet":
        raise UsageError(
            f"answers for many videos are written as Parquet; name {out} with the ending .parquet"
        )
    with (
        context_on(cluster, resources or Resources(), events) as context,
        delivered(out) as file,
        ExitStack() as stack,
    ):
        loaded = load(run, context.resources)
        if loaded.config.recipe.timeline is not None:
            raise UsageError(f"run {run} answers when, not what; use predict --timeline, a file at a time")
        loaded = fitted_run(loaded, context)
        least = min_score if risk is None else loaded.bound(risk)
        archive = _Archive(loaded, context, file, top, least)
        return replace(archive.answered(videos, total, stack), file=out)


class _Archive:
    """A loaded run, its question, and the folder of chunks that are done."""

    def __init__(self, loaded: LoadedRun, context: Context, out: Path, top: int | None, least: float | None):
        self.loaded, self.context, self.out = loaded, context, out
        self.top, self.least = top, least
        self.parts = out.with_name(f"{out.name}.parts")
        self.asked = {"run": loaded.fingerprint, "top": top, "least": least}

    def answered(self, videos: Iterable[str | Path], total: int, stack: ExitStack) -> PredictResult:
        """Answer all, chunk by chunk, then join the chunks."""
        self.context.events.step(f"answering for {total or 'many'} videos")
        pace, computing = Pace(self.context.events), None
        count = failed = 0
        files: list[Path] = []
        for number, chunk in enumerate(_chunks(videos)):
            part = Answers(self.parts / f"{number:08d}.parquet", self.asked, chunk)
            found = part.failed
            if found is None:
                computing = computing or self._computing(chunk[0], stack)
                found = part.write(self._rows(chunk, computing))
            files.append(part.path)
            count, failed = count + len(chunk), failed + found
            pace.failed = failed
            pace.progress(count, max(total, count))
        if not count:
            raise UsageError("no video is named; give a list with --files")
        if failed == count:
            raise WorkError(f"none of the {count} videos could be read; see the errors in {self.parts}")
        join_answers(files, self.out)
        shutil.rmtree(self.parts, ignore_errors=True)
        return PredictResult(self.out, count, failed)

    def _computing(self, first: str, stack: ExitStack) -> Computing:
        """What computes: this machine's processes, or a cluster's."""
        if self.context.cluster is not None:
            record = VideoRecord(as_path(first))
            remote_of = stack.enter_context(self.context.cluster.computing(self.loaded.streams, record, None))
            return lambda stream, jobs: remote_of(stream).videos(jobs)
        pool = stack.enter_context(DecodingPool())

        def here(stream: LoadedStream, jobs: Sequence[Job]) -> Generator[Done[Any], None, None]:
            ahead = fetched_ahead(jobs, lambda job: job.record.path, stream.workers)
            messages = pool.results(stream.spec, stream.resources, ahead, workers=stream.workers)
            with closing(messages):
                yield from sequences(messages, stream.compute, lambda _: SequenceBuffer(stream.dim))

        return here

    def _rows(self, chunk: Sequence[str], computing: Computing) -> list[Row]:
        rows: list[Row] = [{"video": video} for video in chunk]
        features: list[dict[str, FeatureSequence]] = [{} for _ in chunk]
        streams = self.loaded.streams
        for name, stream in streams.items():
            numbers = [number for number, row in enumerate(rows) if "error" not in row]
            jobs = [Job(VideoRecord(as_path(chunk[n]).absolute()), Task()) for n in numbers]
            with closing(computing(stream, jobs)) as ended:
                for done in ended:
                    number = numbers[done.number]
                    if done.sink is None:
                        rows[number]["error"] = done.end.error
                        continue
                    features[number][name] = done.sink.sequence()
                    if len(features[number]) == len(streams):
                        rows[number] |= self._facts(features[number], chunk[number])
                        features[number] = {}
        return rows

    def _facts(self, features: Mapping[str, FeatureSequence], video: str) -> Row:
        return prediction_facts(self.loaded.sequences.predict(features, as_path(video)), self.top, self.least)


def _chunks(videos: Iterable[str | Path]) -> Iterator[list[str]]:
    """The paths as text, in chunks."""
    chunk: list[str] = []
    size = 0
    for video in videos:
        chunk.append(as_url(video))
        with suppress(OSError, ValueError):  # its row will say so
            size += as_path(video).stat().st_size
        if len(chunk) == CHUNK_VIDEOS or size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
