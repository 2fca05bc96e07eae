"""What is in a data folder: counts, lengths, sound, broken files, duplicates, leaks."""

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from statistics import fmean, median

from ..datasets import Dataset, check_trainable, ensure_split, find_duplicates, find_leaks, load_dataset
from ..datasets.checks import Duplicate, Leak, remarks
from ..datasets.dataset import counted, some
from ..errors import MediaError, UsageError
from ..media.probe import VideoFacts, probe
from ..types import VideoRecord
from ..urls import as_url
from .events import SILENT, Events

AHEAD = 64  # files that are looked at or wait for it
THREADS = 2  # a file decodes on one thread; meanwhile the next one is read


@dataclass(frozen=True, slots=True)
class Spread:
    """Smallest, middle, mean and largest value of a quantity, and its sum over the files."""

    minimum: float
    median: float
    mean: float
    maximum: float
    total: float


@dataclass(frozen=True, slots=True)
class ScanReport:
    """The facts of a dataset, as `scan` found them. Lengths and sizes are of files, counts of records.

    counts: videos (or parts of videos) per class and split; "unsplit" where no split is on disk.
    frames, seconds: None where unknown for every file. Counted if `exact`, else as in the headers.
    fps, sizes ("320x240", after rotation), codecs: number of files of each, the most common first.
    sound: number of files "with", "without" and with a "silent" track (peak below -50 dB).
    broken: (name, reason) of files that cannot be read. damaged: the same of files that decode in part.
    beyond: records whose part of the file ends after the file does.
    refusal: why `train` would not take this data, with the cure; empty if it would.
    """

    layout: str
    root: str
    split_source: str
    counts: dict[str, dict[str, int]]
    records: int
    files: int
    groups: int
    exact: bool
    frames: Spread | None
    seconds: Spread | None
    fps: dict[str, int]
    sizes: dict[str, int]
    codecs: dict[str, int]
    sound: dict[str, int]
    broken: tuple[tuple[str, str], ...]
    damaged: tuple[tuple[str, str], ...]
    beyond: tuple[str, ...]
    duplicates: tuple[Duplicate, ...]
    leaks: tuple[Leak, ...]
    absent: tuple[str, ...]
    warnings: tuple[str, ...]
    refusal: str


def scan(
    data: str | Path,
    *,
    layout: str = "auto",
    split: int | None = 1,
    exact: bool = True,
    events: Events = SILENT,
) -> ScanReport:
    """Looks at every file of a dataset. Raises `UsageError` where there is no dataset to look at.

    `exact` decodes all of every file, to count its frames and to find damage; otherwise headers are
    trusted. A file that cannot be read is listed in the report, and the scan goes on.
    """
    dataset = load_dataset(data, layout=layout, split=split)
    facts, broken = _probe_all(dataset.records, exact, events)
    usable = [replace(r, content=facts[r.name].digest) for r in dataset.records if r.name in facts]
    duplicates = find_duplicates(usable)
    leaks = find_leaks(usable)
    beyond = [r.id for r in usable if _ends_beyond(r, facts[r.name])]
    warnings = [*dataset.warnings, *_warnings(broken, beyond), *remarks(leaks, duplicates)]
    warnings += _several_parts(dataset)
    return ScanReport(
        layout=dataset.layout,
        root=as_url(dataset.root),
        split_source=dataset.split_source,
        counts=dataset.counts(),
        records=len(dataset.records),
        files=len(facts) + len(broken),
        groups=len(dataset.groups),
        exact=exact,
        frames=_spread(f.num_frames for f in facts.values()),
        seconds=_spread(f.duration_seconds for f in facts.values()),
        fps=_tally(
            "unknown" if f.average_fps is None else f"{round(f.average_fps, 2):g}" for f in facts.values()
        ),
        sizes=_tally(f"{f.width}x{f.height}" for f in facts.values()),
        codecs=_tally(f.codec for f in facts.values()),
        sound={"with": 0, "without": 0, "silent": 0} | _tally(map(_sound, facts.values())),
        broken=tuple(sorted(broken.items())),
        damaged=tuple(sorted((name, f.damage) for name, f in facts.items() if f.damage)),
        beyond=tuple(beyond),
        duplicates=tuple(duplicates),
        leaks=tuple(leaks),
        absent=dataset.absent,
        warnings=tuple(warnings),
        refusal=_refusal(dataset, usable),
    )


def _probe_all(
    records: Sequence[VideoRecord], exact: bool, events: Events
) -> tuple[dict[str, VideoFacts], dict[str, str]]:
    """Facts of the files that can be read and reasons of those that cannot, by name, one entry a file."""
    paths = {r.name: r.path for r in records}
    facts: dict[str, VideoFacts] = {}
    broken: dict[str, str] = {}
    events.step(f"looking at {counted(len(paths), 'file')}")
    pool = ThreadPoolExecutor(THREADS)
    try:
        todo = ((name, pool.submit(probe, path, exact=exact)) for name, path in paths.items())
        jobs = deque(islice(todo, AHEAD))
        for done in range(1, len(paths) + 1):
            name, job = jobs.popleft()
            try:
                facts[name] = job.result()
            except MediaError as error:
                broken[name] = str(error)
            jobs.extend(islice(todo, 1))
            events.progress(done, len(paths))
    finally:  # after Ctrl-C: without the files that were not begun, and without waiting for those that were
        pool.shutdown(wait=False, cancel_futures=True)
    return facts, broken


def _ends_beyond(record: VideoRecord, facts: VideoFacts) -> bool:
    if record.frames is not None:
        return facts.num_frames is not None and record.frames[1] > facts.num_frames
    last = max(record.start_seconds or 0.0, record.end_seconds or 0.0)
    # One frame of tolerance: annotations are rounded.
    slack = 1 / facts.average_fps if facts.average_fps else 0.0
    return facts.duration_seconds is not None and last > facts.duration_seconds + slack


def _sound(facts: VideoFacts) -> str:
    if not facts.has_audio:
        return "without"
    return "silent" if facts.audio_silent else "with"


def _spread(values: Iterable[float | None]) -> Spread | None:
    known = [v for v in values if v is not None]
    if not known:
        return None
    return Spread(min(known), median(known), fmean(known), max(known), sum(known))


def _tally(values: Iterable[str]) -> dict[str, int]:
    return dict(Counter(values).most_common())


def _warnings(broken: dict[str, str], beyond: list[str]) -> list[str]:
    """One line for each kind of problem with the files, with its count and the first names."""
    kinds = {
        "files that cannot be read": sorted(broken),
        "parts ending after the end of their file": beyond,
    }
    return [f"{kind} ({len(names)}): {some(names)}" for kind, names in kinds.items() if names]


def _several_parts(dataset: Dataset) -> list[str]:
    """What else the parts of files may be: an annotation of long videos."""
    parts = Counter(r.path for r in dataset.records if r.part)
    several = [path.name for path, count in parts.items() if count > 1]
    if not several:
        return []
    return [
        f"{counted(len(several), 'file')} with several parts ({some(several)}):"
        " train --task timeline reads them as segments of long videos"
    ]


def _refusal(dataset: Dataset, usable: list[VideoRecord]) -> str:
    """Why training would refuse the readable part of the data; empty where it would not."""
    try:
        check_trainable(ensure_split(replace(dataset, records=tuple(usable))))
    except UsageError as error:
        return str(error)
    return ""
