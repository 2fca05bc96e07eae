"""A synthetic set on disk: video files in class folders, and a CSV file that gives split and group."""

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
from .clip import ClipSettings, SyntheticClip
from .marker import VERSION, make_once
from .sound import SAMPLE_RATE

Job = tuple[str, int, int]  # label, actor, clip
ANNOTATIONS = "annotations.csv"
TEST_EVERY = 3  # actors 3, 6, 9, ... are the test split: more actors never move one to another split


def make_synthetic(
    out: Path,
    *,
    actors: int = 12,
    clips_per_actor: int = 2,
    classes: Sequence[str] | None = None,
    workers: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    **settings: Any,
) -> Path:
    """Write the set to `out` and return the path of its `annotations.csv`.

    Files are `out/<class>/<class>_gNN_cMM.mp4` (NN the actor, MM the clip); the CSV has
    `file_name,label,split,group`, every third actor in the test split. `classes` are names of
    `CLASSES` (default: all; with `brief`, those that can be). `settings` are those of `ClipSettings`.

    A set can grow in place: what is there is kept, what is missing is written. `progress` is called with
    (clips done, clips in all). Raises `UsageError` for impossible values and where `out` holds something
    else, `WorkError` where it cannot be written.
    """
    shared = ClipSettings(**settings)
    labels = _checked_labels(classes, shared.brief)
    _check_values(shared, actors, clips_per_actor)
    size = {"actors": actors, "clips_per_actor": clips_per_actor, "classes": labels}
    wanted = {"version": VERSION, "settings": asdict(shared), **size}
    jobs = list(product(labels, range(1, actors + 1), range(1, clips_per_actor + 1)))

    def write() -> None:
        _write_clips(out, jobs, shared, workers, progress)
        _write_annotations(out, jobs, actors)

    return make_once(out, wanted, ANNOTATIONS, write)


def clip_name(label: str, actor: int, clip: int) -> str:
    """Path of a clip below the set's folder, with / between its parts."""
    return f"{label}/{label}_g{actor:02d}_c{clip:02d}.mp4"


def split_of(actor: int, actors: int) -> str:
    """`test` for every third actor (and for the second of two), `train` for the others."""
    return "test" if actor % TEST_EVERY == 0 or (actors < TEST_EVERY and actor == actors) else "train"


def _checked_labels(classes: Sequence[str] | None, brief: float | None) -> list[str]:
    usable = [name for name, c in CLASSES.items() if brief is None or c.can_be_brief]
    labels = list(dict.fromkeys(usable if classes is None else classes))
    for label in labels:
        if label not in usable:
            why = "cannot be brief" if label in CLASSES else "is unknown"
            raise UsageError(f"synthetic class '{label}' {why}; choose from {', '.join(usable)}")
    if not labels:
        raise UsageError(f"a synthetic set needs at least one class; choose from {', '.join(usable)}")
    return labels


def _check_values(settings: ClipSettings, actors: int, clips_per_actor: int) -> None:
    s = settings
    checks = (
        (actors >= 2, f"actors={actors}: give 2 or more, so that some can be held out"),
        (clips_per_actor >= 1, f"clips_per_actor={clips_per_actor}: give 1 or more"),
        (1 <= s.fps <= 120, f"fps={s.fps}: give 1 to 120"),
        (0.2 <= s.seconds <= 36000, f"seconds={s.seconds:g}: give 0.2 to 36000"),
        (min(s.width, s.height) >= 32, f"{s.width}x{s.height}: give 32 pixels or more a side"),
        (s.seed >= 0, f"seed={s.seed}: give 0 or more"),
        (s.brief is None or 0 < s.brief < 1, f"brief={s.brief}: give a part of the clip between 0 and 1"),
    )
    for good, message in checks:
        if not good:
            raise UsageError(f"synthetic set: {message}")


def _write_clips(
    out: Path, jobs: list[Job], settings: ClipSettings, workers: int | None, progress: Callable
) -> None:
    """Missing clips, in threads: the encoder and most of the array work run outside the interpreter lock."""
    for label in {job[0] for job in jobs}:
        (out / label).mkdir(exist_ok=True)
    pool = ThreadPoolExecutor(max_workers=workers or min(4, cores()))
    try:
        futures = [pool.submit(_write_clip, out, job, settings) for job in jobs]
        for done, future in enumerate(futures, start=1):
            future.result()
            progress(done, len(jobs))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _write_clip(out: Path, job: Job, settings: ClipSettings) -> None:
    path = out / clip_name(*job)
    if path.exists():  # the writer renames finished files into place, so it is whole
        return
    clip, s = SyntheticClip(*job, settings), settings
    track, rate = (clip.sound(), SAMPLE_RATE) if s.sound else (None, None)
    with VideoWriter(path, fps=s.fps, width=s.width, height=s.height, sample_rate=rate) as writer:
        for index, frame in enumerate(clip.frames()):
            writer.write(frame)
            if track is not None:  # in step with the pictures, so that the file is interleaved
                start, end = (round(i * SAMPLE_RATE / s.fps) for i in (index, index + 1))
                writer.write_audio(track[start:end])


def _write_annotations(out: Path, jobs: list[Job], actors: int) -> None:
    with atomic_open(out / ANNOTATIONS, newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("file_name", "label", "split", "group"))
        for label, actor, clip in jobs:
            rows.writerow((clip_name(label, actor, clip), label, split_of(actor, actors), f"g{actor:02d}"))
