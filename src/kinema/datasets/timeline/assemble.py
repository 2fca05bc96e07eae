"""What a reader of annotations found, as a `TimelineSet`: files looked up, mistakes counted and named."""

import math
from dataclasses import dataclass
from pathlib import Path

from ...errors import UsageError
from ...types import Segment, VideoRecord
from ..dataset import class_name, counted, natural, remark, shown_name, some
from ..files import list_videos, named_in
from ..folder import SPLIT_FOLDERS
from ..splits import infer_group
from .timeline_set import TimelineSet

# What an annotation format calls the part of the data; THUMOS and ActivityNet train on these names.
SPLIT_WORDS = SPLIT_FOLDERS | {"training": "train", "validation": "val", "testing": "test"}


@dataclass(frozen=True, slots=True)
class Mark:
    """One line of an annotation file: `file` by path or by name, with or without its ending.

    `label` is None where a file was looked at and nothing marked. `end` None means the end of the file.
    `where` is the place for messages. `split` is a word of `SPLIT_WORDS` or empty.
    """

    where: str
    file: str
    label: str | None
    start: float = 0.0
    end: float | None = None
    split: str = ""
    group: str = ""
    annotator: str = ""


@dataclass(frozen=True, slots=True)
class Annotations:
    """All lines of an annotation format. `root` is where it was read, `folder` where its videos lie below."""

    layout: str
    root: Path
    folder: Path
    marks: list[Mark]
    warnings: list[str]
    order: tuple[str, ...] = ()  # of the labels, where there is an official one


def assemble(found: Annotations) -> TimelineSet:
    """Files looked up and segments checked. Raises `UsageError` where no file is there, or splits contradict.

    A segment that does not end after it starts is left out; one that starts before the file is cut. Both are
    counted and named, so that nothing is lost unseen.
    """
    paths = _Lookup(found.folder)
    records: dict[str, VideoRecord] = {}
    marked: dict[str, dict[Segment, None]] = {}
    watchers: dict[str, dict[str, None]] = {}
    absent: dict[str, None] = {}
    tally = _Tally()
    for mark in found.marks:
        path = paths.find(mark.file)
        if path is None:
            absent[mark.file] = None
            continue
        record = _record(path, found, mark)
        _same(records.setdefault(record.name, record), record, mark)
        watchers.setdefault(record.name, {})[mark.annotator] = None
        own = marked.setdefault(record.name, {})
        segment = tally.segment(mark)
        if segment is not None:
            tally.repeated += segment in own
            own[segment] = None
    if not records:
        raise UsageError(
            f"{found.root} names no video that exists; names are looked for below {found.folder}"
        )
    warnings = [*found.warnings, *tally.warnings(), *remark(list(absent), "listed video", "not on disk")]
    kept = _with_split(list(records.values()), warnings)
    segments = {r.name: tuple(sorted(marked[r.name], key=lambda s: (s.start_seconds, s.label))) for r in kept}
    present = {s.label for own in segments.values() for s in own}
    known = [label for label in found.order if label in present]
    dataset = TimelineSet(
        layout=found.layout,
        root=found.root,
        labels=(*known, *sorted(present.difference(known), key=natural)),
        records=tuple(kept),
        absent=tuple(absent),
        split_source=f"split in {found.root.name}" if kept and kept[0].split else "",
        marked=segments,
        annotators={r.name: tuple(watchers[r.name]) for r in kept if len(watchers[r.name]) > 1},
    )
    empty = [r.name for r in kept if not segments[r.name]]
    warnings += remark(empty, "file", "without any label: all background")
    return dataset.with_split(dataset.records, dataset.split_source, *warnings, *dataset.disputed())


def _record(path: Path, found: Annotations, mark: Mark) -> VideoRecord:
    name = shown_name(path, found.folder)
    word = mark.split.strip().lower()
    if word and word not in SPLIT_WORDS:
        raise UsageError(f"{mark.where}: unknown split '{mark.split.strip()}'; use train, val or test")
    return VideoRecord(
        path, None, mark.group.strip() or infer_group(name), SPLIT_WORDS[word] if word else None, name=name
    )


def _same(first: VideoRecord, record: VideoRecord, mark: Mark) -> None:
    if (first.split, first.group) != (record.split, record.group):
        raise UsageError(
            f"{mark.where} gives '{record.name}' another split or group than an earlier line;"
            " a file is never split, so give all its lines one"
        )


def _with_split(records: list[VideoRecord], warnings: list[str]) -> list[VideoRecord]:
    unused = [r.name for r in records if r.split is None]
    if not unused or len(unused) == len(records):
        return records
    warnings += remark(unused, "file", "without a split left out: the others have one")
    return [r for r in records if r.split is not None]


class _Tally:
    """Segments made of marks, and the mistakes that were met."""

    def __init__(self) -> None:
        self.backwards: list[str] = []
        self.early: list[str] = []
        self.repeated = 0

    def segment(self, mark: Mark) -> Segment | None:
        if mark.label is None:
            return None
        end = math.inf if mark.end is None else mark.end
        if not end > max(mark.start, 0.0):
            self.backwards.append(mark.where)
            return None
        if mark.start < 0:
            self.early.append(mark.where)
        return Segment(class_name(mark.label), max(mark.start, 0.0), end, annotator=mark.annotator)

    def warnings(self) -> list[str]:
        """One line a kind of mistake, with its count and the first places."""
        lines = remark(self.backwards, "segment", "that end before they start left out")
        lines += remark(self.early, "segment", "that start before the file cut at its start")
        return lines + ([f"{counted(self.repeated, 'repeated segment')} left out"] if self.repeated else [])


class _Lookup:
    """Video files by path, or by name with or without its ending, anywhere below a folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._found: dict[str, Path | None] = {}
        self._by_name: dict[str, list[Path]] | None = None

    def find(self, name: str) -> Path | None:
        """The file that `name` means; None where there is none. Raises `UsageError` where it may be two."""
        if name not in self._found:
            path = named_in(self.folder, name)
            self._found[name] = path if path.is_file() else self._named(name)
        return self._found[name]

    def _named(self, name: str) -> Path | None:
        if self._by_name is None:
            self._by_name = {}
            for path in list_videos(self.folder).videos:
                for key in {path.name, path.stem}:
                    self._by_name.setdefault(key, []).append(path)
        short = name.replace("\\", "/").rpartition("/")[2]
        for key in dict.fromkeys((short, short.rpartition(".")[0] or short, f"v_{short}")):
            places = self._by_name.get(key, [])
            if len(places) > 1:
                raise UsageError(
                    f"'{name}' may be {some(map(str, places), 2)}; keep one of them, or give paths"
                )
            if places:
                return places[0]
        return None
