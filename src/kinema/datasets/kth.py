"""KTH actions: 25 people, 6 actions, 4 settings; one file is missing, so 599 files, 2391 sequences."""

import re
from dataclasses import replace
from pathlib import Path

from ..errors import UsageError
from ..types import VideoRecord
from .dataset import Dataset, present_labels, remark, shown_name
from .files import find_beside, folders_in, list_videos, read_lines
from .splits import split_people

LABELS = ("boxing", "handclapping", "handwaving", "jogging", "running", "walking")
SEQUENCES = "00sequences.txt"
_FILE = re.compile(rf"(person(?:0[1-9]|1\d|2[0-5]))_({'|'.join(LABELS)})_(d[1-4])(?:_uncomp)?", re.IGNORECASE)
_LINE = re.compile(r"(\S+)\s+(?:frames\s+(\d+-\d+(?:\s*,\s*\d+-\d+)*)|\*missing\*)")


def detect(root: Path) -> bool:
    """Whether `root` holds the sequence file, or videos named like KTH's."""
    if find_beside(root, SEQUENCES):
        return True
    places = (root, *folders_in(root))
    return any(_key(p.stem) for place in places for p in place.glob("person[0-9][0-9]_*_d[1-4]*.*"))


def scan(root: Path, *, split: int | None = 1, whole_files: bool = False) -> Dataset:
    """Reads the videos `personNN_action_dN_uncomp.avi` anywhere below `root`.

    `00sequences.txt` (in `root` or a folder of it) cuts each file into its three or four sequences, one
    record each; a few of its ranges overlap or lie out of order and are taken as they are. `whole_files`
    gives one record a file, as does a missing `00sequences.txt`, with a warning. The split is the official
    one by people (Schüldt, Laptev, Caputo, ICPR 2004); the group is the person.
    """
    listing = list_videos(root, passed_over={SEQUENCES})
    files = {key: path for path in listing.videos if (key := _key(path.stem))}
    lists = find_beside(root, SEQUENCES)
    ranges = _read_sequences(lists / SEQUENCES) if lists else {}
    warnings = []
    if not lists and not whole_files:
        warnings.append(f"no {SEQUENCES}: each file is one record, not cut into its sequences")
    whole = whole_files or not ranges
    absent = [f"{key}_uncomp.avi" for key in ranges if ranges[key] and key not in files]
    records: list[VideoRecord] = []
    for key, path in sorted(files.items()):
        person, label, _ = key.split("_")
        record = VideoRecord(path=path, label=label, group=person, name=shown_name(path, root))
        records += [record] if whole else [replace(record, frames=part) for part in ranges.get(key, [])]
    if not records:
        raise UsageError(f"no KTH videos in {root}; they are named like person01_boxing_d1_uncomp.avi")
    warnings += remark(absent, "video", f"of {SEQUENCES} not on disk")
    if not whole:
        warnings += remark(sorted(files.keys() - ranges.keys()), "video", f"not in {SEQUENCES} left out")
    strange = [shown_name(p, root) for p in listing.videos if not _key(p.stem)]
    warnings += remark(strange, "video", "not named like KTH's left out")
    return Dataset(
        layout="kth_files" if whole_files else "kth",
        root=root,
        labels=present_labels(records, LABELS),
        records=tuple(records if split is None else split_people(records)),
        absent=tuple(absent),
        warnings=(*warnings, *listing.warnings()),
        split_source="" if split is None else "official KTH people (8 train, 8 validation, 9 test)",
    )


def _key(stem: str) -> str | None:
    """`person01_boxing_d1_uncomp` -> `person01_boxing_d1`; None for other names."""
    found = _FILE.fullmatch(stem)
    return "_".join(found.groups()).lower() if found else None


def _read_sequences(path: Path) -> dict[str, list[tuple[int, int]]]:
    """Frame ranges of each video, 0-based and half-open; empty for the one marked missing."""
    ranges: dict[str, list[tuple[int, int]]] = {}
    for where, text in read_lines(path):
        found = _LINE.fullmatch(text)
        key = _key(found[1]) if found else None
        if found is None or key is None:
            if re.match(r"person\d", text):
                raise UsageError(
                    f"{where}: expected 'personNN_action_dN frames A-B, ...', got '{text}';"
                    " restore the official file"
                )
            continue  # the published file opens with a few lines of explanation
        parts = [tuple(map(int, part.split("-"))) for part in (found[2] or "").split(",") if part]
        if any(not 1 <= first <= last for first, last in parts):
            raise UsageError(f"{where}: frames run from 1 upwards, got '{text}'; restore the file")
        ranges[key] = [(first - 1, last) for first, last in parts]
    return ranges
