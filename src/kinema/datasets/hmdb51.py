"""HMDB51 with its official lists: 51 classes, 6766 clips, three splits of 70 and 30 clips a class."""

from pathlib import Path

from ..errors import UsageError
from .dataset import Dataset, natural
from .files import find_beside, read_lines
from .official import Listed, match_lists

SPLITS = 3
_TAGS = {"0": None, "1": "train", "2": "test"}


def detect(root: Path) -> bool:
    """Whether `root` or one of its folders holds the lists."""
    return find_beside(root, "*_test_split1.txt") is not None


def scan(root: Path, *, split: int | None = 1) -> Dataset:
    """Reads `CLASS_test_splitN.txt` (1 train, 2 test, 0 unused), in `root` or a folder of it.

    Unused clips give no records of that split; with `split=None` all clips do, without a split. The group of
    a clip is the source video it was cut from: its file name up to the class, which stands before the clip's
    tags (`April_09_brush_hair_u_nm_np1_ba_goo_0.avi` -> `April_09`).
    """
    ending = f"_test_split{split or 1}.txt"
    lists = find_beside(root, f"*{ending}")
    if lists is None:
        raise UsageError(
            f"no *{ending} in {root}; put the official lists in {root}/testTrainMulti_7030_splits"
        )
    files = {path.name.removesuffix(ending): path for path in lists.glob(f"?*{ending}")}
    classes = sorted(files, key=natural)
    listed = [clip for label in classes for clip in _read_list(files[label], label)]
    return match_lists("hmdb51", root, classes, listed, split)


def _read_list(path: Path, label: str) -> list[Listed]:
    clips = []
    for where, text in read_lines(path):
        name, _, tag = text.rpartition(" ")
        if tag not in _TAGS or not name:
            raise UsageError(
                f"{where}: expected 'CLIP TAG' with tag 0, 1 or 2, got '{text}'; restore the official list"
            )
        source, _, _ = name.rpartition(f"_{label}_")  # empty where the name is not built like HMDB51's
        clips.append(Listed(label, name.strip(), _TAGS[tag], source or None))
    return clips
