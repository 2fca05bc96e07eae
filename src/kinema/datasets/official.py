"""What the layouts with official lists share: finding listed clips on disk, accounting for the rest."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError
from ..types import VideoRecord
from .dataset import Dataset, counted, present_labels, shown_name, some
from .files import Listing, find_class_folders, folders_in, list_videos


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of an official list: a clip by class and file name; `split` None means unused."""

    label: str
    file_name: str
    split: str | None
    group: str | None


class ClassFolders:
    """The videos on disk in one folder per class, found by class and file name.

    Upper and lower case are the same, and a clip that was converted to another container is found by
    its stem, since published lists and archives differ in both.
    """

    def __init__(self, root: Path, classes: Sequence[str]):
        self.folders = find_class_folders(root, classes)
        self.listing = Listing()
        self._paths: dict[tuple[str, str], Path] = {}
        for label, folder in self.folders.items():
            found = list_videos(folder)
            self.listing.add(found)
            for path in found.videos:
                self._paths.setdefault((label, path.stem.casefold()), path)
            for path in found.videos:
                self._paths[label, path.name.casefold()] = path

    def find(self, label: str, file_name: str) -> Path | None:
        """The path of a clip, or None if it is not there."""
        stem = Path(file_name).stem.casefold()
        return self._paths.get((label, file_name.casefold())) or self._paths.get((label, stem))

    def unknown_classes(self) -> list[str]:
        """Folders beside the class folders that hold videos and that no list knows."""
        known = set(self.folders.values())
        beside = {f for folder in known for f in folders_in(folder.parent)} - known
        return sorted(f.name for f in beside if list_videos(f).videos)


def match_lists(
    layout: str, root: Path, classes: Sequence[str], listed: Sequence[Listed], split: int | None
) -> Dataset:
    """The dataset of the listed clips that are on disk; the lists' classes give the order of labels.

    With `split=None` every listed clip is a record, without a split. What is left out is counted in warnings.
    """
    disk = ClassFolders(root, classes)
    records: list[VideoRecord] = []
    absent: list[str] = []
    seen: set[Path] = set()
    unused = 0
    for clip in listed:
        path = disk.find(clip.label, clip.file_name)
        if path is None:
            absent.append(f"{clip.label}/{clip.file_name}")
            continue
        seen.add(path)
        if clip.split is None and split is not None:
            unused += 1
            continue
        part, name = clip.split if split is not None else None, shown_name(path, root)
        records.append(VideoRecord(path=path, label=clip.label, group=clip.group, split=part, name=name))
    if not records:
        raise UsageError(
            f"none of the {len(listed)} listed clips is in {root};"
            f" put them in one folder per class, {root}/videos/{classes[0]}/..."
        )
    unlisted = [shown_name(p, root) for p in disk.listing.videos if p not in seen]
    labels = present_labels(records, classes)
    return Dataset(
        layout=layout,
        root=root,
        labels=labels,
        records=tuple(records),
        absent=tuple(absent),
        warnings=(
            *_account(len(listed), absent, len(classes), len(labels)),
            *([f"{counted(unused, 'clip')} unused in split {split}"] if unused else []),
            *_left_out("videos in no list", unlisted),
            *_left_out("class folders that the lists do not know", disk.unknown_classes()),
            *disk.listing.warnings(),
        ),
        split_source=f"official {layout.upper()} split {split}" if split is not None else "",
    )


def _account(total: int, absent: list[str], classes: int, present: int) -> list[str]:
    if not absent:
        return []
    line = f"{len(absent)} of {total} listed clips are not on disk"
    if present < classes:
        line += f"; {counted(present, 'class')} of {classes} present"
    return [f"{line}: {some(absent)}"]


def _left_out(what: str, names: list[str]) -> list[str]:
    return [f"{what}, left out ({len(names)}): {some(names)}"] if names else []
