"""Long synthetic videos on disk, and the CSV file of the segments in them."""

import csv
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

from ...atomic import atomic_open
from ...errors import UsageError
from ...media.writer import VideoWriter
from ...resources import cores
from .actions import CLASSES
from .generate import split_of
from .long import ACT, ACTS, PAUSE, LongSettings, LongVideo
from .marker import VERSION, make_once

SEGMENTS = "segments.csv"


def make_long(
    out: Path,
    *,
    actors: int = 12,
    clips_per_actor: int = 1,
    classes: Sequence[str] = ACTS,
    workers: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    **settings: Any,
) -> Path:
    """Write long videos of `actors` to `out` and return the path of its `segments.csv`.

    Files are `out/long_gNN_cMM.mp4` (NN the actor); the CSV has `file_name,label,start,end,split,group`,
    every third actor in the test split. `settings` are those of `LongSettings`. A set can grow in
    place, as that of `make_synthetic`. Raises `UsageError` for impossible values and where `out` holds
    something else, `WorkError` where it cannot be written.
    """
    shared = LongSettings(**settings)
    _check(shared, actors, clips_per_actor, classes)
    wanted = {
        "version": VERSION,
        "settings": {**asdict(shared), "long": True},
        "actors": actors,
        "clips_per_actor": clips_per_actor,
        "classes": list(classes),
    }
    jobs = [
        (out / f"long_g{actor:02d}_c{number:02d}.mp4", actor, number)
        for actor, number in product(range(1, actors + 1), range(1, clips_per_actor + 1))
    ]

    def write() -> None:
        acts = _write_videos(jobs, shared, classes, workers, progress)
        _write_segments(out / SEGMENTS, jobs, acts, actors)

    return make_once(out, wanted, SEGMENTS, write)


Job = tuple[Path, int, int]  # file, actor, number
Row = tuple[str, float, float]  # label, start, end


def _check(settings: LongSettings, actors: int, clips_per_actor: int, classes: Sequence[str]) -> None:
    unknown = [name for name in classes if name not in CLASSES or not CLASSES[name].can_be_brief]
    least = PAUSE[1] + ACT[1]
    checks = (
        (not unknown, f"class {unknown[:1]} cannot be one act among others"),
        (len(set(classes)) == len(classes) > 0, "give each class once, and one at least"),
        (actors >= 2, f"actors={actors}: give 2 or more, so that some can be held out"),
        (clips_per_actor >= 1, f"clips_per_actor={clips_per_actor}: give 1 or more"),
        (1 <= settings.fps <= 120, f"fps={settings.fps}: give 1 to 120"),
        (
            least < settings.seconds <= 36000,
            f"seconds={settings.seconds:g}: give more than {least:g}, to 36000",
        ),
        (min(settings.width, settings.height) >= 32, "give 32 pixels or more a side"),
        (settings.seed >= 0, f"seed={settings.seed}: give 0 or more"),
    )
    for good, message in checks:
        if not good:
            raise UsageError(f"synthetic set: {message}")


def _write_videos(
    jobs: list[Job],
    settings: LongSettings,
    classes: Sequence[str],
    workers: int | None,
    progress: Callable[[int, int], None],
) -> list[list[Row]]:
    """Missing videos, in threads, and what is done in each of them."""
    pool = ThreadPoolExecutor(max_workers=workers or min(4, cores()))
    acts = []
    try:
        futures = [pool.submit(_write_video, job, settings, classes) for job in jobs]
        for done, future in enumerate(futures, start=1):
            acts.append(future.result())
            progress(done, len(jobs))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return acts


def _write_video(job: Job, settings: LongSettings, classes: Sequence[str]) -> list[Row]:
    path, actor, number = job
    video = LongVideo(actor, number, settings, classes)
    if not path.exists():  # the writer renames finished files into place, so it is whole
        with VideoWriter(path, fps=settings.fps, width=settings.width, height=settings.height) as writer:
            for frame in video.frames():
                writer.write(frame)
    return [(act.label, act.start, act.end) for act in video.acts if act.label is not None]


def _write_segments(path: Path, jobs: list[Job], acts: list[list[Row]], actors: int) -> None:
    with atomic_open(path, newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("file_name", "label", "start", "end", "split", "group"))
        for (video, actor, _), found in zip(jobs, acts, strict=True):
            for label, start, end in found:
                row = (
                    video.name,
                    label,
                    f"{start:.3f}",
                    f"{end:.3f}",
                    split_of(actor, actors),
                    f"g{actor:02d}",
                )
                rows.writerow(row)
