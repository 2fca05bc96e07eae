"""UCF-11 (UCF YouTube actions): 11 classes, 1600 clips in 25 groups a class (Liu, Luo, Shah, CVPR 2009)."""

import re
from pathlib import Path

from ..errors import UsageError
from ..types import VideoRecord
from .dataset import Dataset, class_name, natural, present_labels, remark, shown_name
from .files import Listing, folders_in, list_videos

_GROUP_FOLDER = re.compile(r"v_.+_(\d{2})")


def detect(root: Path) -> bool:
    """Whether there are class folders with group folders `v_*_NN` in them."""
    return bool(_class_folders(root))


def scan(root: Path, *, split: int | None = None) -> Dataset:
    """Reads `CLASS/v_NAME_NN/v_NAME_NN_MM.mpg` (or .avi), in `root` or a folder of it.

    The class is the name of the outer folder, the group g01 to g25 is the number of the inner one. There is
    no official split, since the protocol is leave-one-group-out.
    """
    records: list[VideoRecord] = []
    strays: list[str] = []
    listing = Listing()
    for class_folder in _class_folders(root):
        found = list_videos(class_folder)
        listing.add(found)
        for path in found.videos:
            group = _GROUP_FOLDER.fullmatch(path.relative_to(class_folder).parts[0])
            name = shown_name(path, root)
            if group is None:
                strays.append(name)
                continue
            records.append(
                VideoRecord(path=path, label=class_name(class_folder.name), group=f"g{group[1]}", name=name)
            )
    if not records:
        raise UsageError(
            f"no UCF-11 videos in {root}; they lie like basketball/v_shooting_01/v_shooting_01_01.mpg"
        )
    warnings = (*listing.warnings(), *remark(strays, "video", "outside group folders left out"))
    return Dataset("ucf11", root, present_labels(records), tuple(records), warnings=warnings)


def _class_folders(root: Path) -> list[Path]:
    """Folders that hold group folders, in `root` or in the first of its sub-folders that has any."""
    for folder in (root, *folders_in(root)):
        found = [f for f in folders_in(folder) if any(_GROUP_FOLDER.fullmatch(g.name) for g in folders_in(f))]
        if found:
            return sorted(found, key=lambda f: natural(f.name))
    return []
