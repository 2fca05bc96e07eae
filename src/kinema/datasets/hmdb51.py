"""HMDB51 with its official lists: 51 classes, 6766 clips, three splits of 70 and 30 clips a class."""

import re
from pathlib import Path

from ..errors import UsageError
from .dataset import Dataset, natural
from .files import find_beside, read_lines
from .official import Listed, match_lists

SPLITS = 3
_TAGS = {"0": None, "1": "train", "2": "test"}
_LIST = re.compile(r"(.+)_test_split([1-3])\.txt")


def detect(root: Path) -> bool:
    """Whether `root` or one of its folders holds the lists."""
    return find_beside(root, "*_test_split1.txt") is not None


def scan(root: Path, *, split: int | None = 1) -> Dataset:
    """Reads `CLASS_test_splitN.txt` (1 train, 2 test, 0 unused), in `root` or a folder of it.

    Videos lie in one folder per class in `root` or any sub-folder. Unused clips give no records of that
    split; with `split=None` all clips are, without a split. The group of a clip is the source video it
    was cut from: its file name up to the class, which stands before the clip's tags
    (`April_09_brush_hair_u_nm_np1_ba_goo_0.avi` -> `April_09`).
    """
    number = split or 1
    lists = find_beside(root, f"*_test_split{number}.txt")
    if lists is None:
        raise UsageError(
            f"no *_test_split{number}.txt in {root};"
            f" put the official lists in {root}/testTrainMulti_7030_splits"
        )
    files = {
        found[1]: path
        for path in lists.iterdir()
        if (found := _LIST.fullmatch(path.name)) and found[2] == str(number)
    }
    classes = sorted(files, key=natural)
    listed = [clip for label in classes for clip in _read_list(files[label], label)]
    return match_lists("hmdb51", root, classes, listed, split)


def _read_list(path: Path, label: str) -> list[Listed]:
    clips = []
    for line, text in read_lines(path):
        name, _, tag = text.rpartition(" ")
        if tag not in _TAGS or not name:
            raise UsageError(
                f"{path.name} line {line}: expected 'CLIP TAG' with tag 0, 1 or 2, got '{text}';"
                " restore the official list"
            )
        clips.append(Listed(label, name.strip(), _TAGS[tag], source_video(name.strip(), label)))
    return clips


def source_video(file_name: str, label: str) -> str | None:
    """The source video in the name of a clip, or None if the name is not built like HMDB51's."""
    source, found, _ = file_name.rpartition(f"_{label}_")
    return source if found and source else None
