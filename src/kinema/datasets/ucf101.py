"""UCF101 with its official lists: 101 classes, 13320 clips, 25 groups, three splits (Soomro et al., 2012)."""

import re
from pathlib import Path

from ..errors import UsageError
from .dataset import Dataset
from .files import find_beside, read_lines
from .official import Listed, match_lists
from .splits import infer_group

SPLITS = 3


def detect(root: Path) -> bool:
    """Whether `root` or one of its folders holds the lists."""
    return find_beside(root, "classInd.txt") is not None


def scan(root: Path, *, split: int | None = 1) -> Dataset:
    """Reads `classInd.txt`, `trainlist0N.txt` and `testlist0N.txt`, in `root` or a folder of it.

    Labels are the classes that have videos here, in the order of `classInd.txt`; groups are g01 to g25 from
    the file names. Raises `UsageError` naming the line where the lists contradict each other.
    """
    lists = find_beside(root, "classInd.txt")
    if lists is None:
        raise UsageError(f"no classInd.txt in {root}; put the official lists in {root}/ucfTrainTestlist")
    classes = _read_classes(lists / "classInd.txt")
    number = split or 1
    train, test = (_read_list(lists / f"{s}list{number:02d}.txt", s, classes) for s in ("train", "test"))
    trained = {(c.label, c.file_name) for c in train}
    twice = [f"{c.label}/{c.file_name}" for c in test if (c.label, c.file_name) in trained]
    if twice:
        raise UsageError(
            f"{twice[0]} is in trainlist{number:02d}.txt and in testlist{number:02d}.txt;"
            " restore the official lists"
        )
    return match_lists("ucf101", root, list(classes), [*train, *test], split)


def _read_classes(path: Path) -> dict[str, int]:
    """Class name to its 1-based number, in file order."""
    classes: dict[str, int] = {}
    for where, text in read_lines(path):
        number, _, name = text.partition(" ")
        if not number.isdigit() or not name.strip():
            raise UsageError(f"{where}: expected 'NUMBER CLASS', got '{text}'; restore the list")
        classes[name.strip()] = int(number)
    if not classes:
        raise UsageError(f"{path} is empty; restore the official list")
    return classes


def _read_list(path: Path, split: str, classes: dict[str, int]) -> list[Listed]:
    """Lines `Class/clip.avi` or `Class/clip.avi NUMBER`, read from the right: names may hold spaces."""
    clips = []
    for where, text in read_lines(path):
        found = re.fullmatch(r"(.*\S)\s+(\d+)", text)
        clip, number = (found[1], int(found[2])) if found else (text, None)
        label, _, file_name = clip.rpartition("/")
        if label not in classes:
            raise UsageError(f"{where}: class '{label}' is not in classInd.txt; make the lists agree")
        if number is not None and number != classes[label]:
            raise UsageError(
                f"{where}: '{label}' is class {classes[label]} in classInd.txt,"
                f" not {number}; make the lists agree"
            )
        clips.append(Listed(label, file_name, split, infer_group(file_name)))
    return clips
