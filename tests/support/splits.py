"""A small synthetic set in the layout of UCF101, with its three official lists."""

from __future__ import annotations

from pathlib import Path

from kinema.datasets.synthetic import make_synthetic

CLASSES = ("waving", "boxing", "strike_bell")


def make_listed(root: Path, *, groups: int = 6, seconds: float = 1.0) -> Path:
    """`root` with class folders of short clips, one a group, and lists that test a third of the groups."""
    make_synthetic(
        root,
        actors=groups,
        clips_per_actor=1,
        classes=CLASSES,
        seconds=seconds,
        fps=10,
        width=64,
        height=48,
    )
    names = sorted(path.relative_to(root).as_posix() for path in root.glob("*/*.mp4"))
    numbers = {label: number for number, label in enumerate(sorted(CLASSES), start=1)}
    lists = root / "ucfTrainTestlist"
    lists.mkdir()
    (lists / "classInd.txt").write_text("".join(f"{n} {label}\n" for label, n in numbers.items()))
    for split in (1, 2, 3):
        tested = [name for name in names if _group(name) % 3 == split % 3]
        trained = [f"{name} {numbers[name.split('/')[0]]}" for name in names if name not in tested]
        (lists / f"testlist0{split}.txt").write_text("".join(f"{name}\n" for name in tested))
        (lists / f"trainlist0{split}.txt").write_text("".join(f"{line}\n" for line in trained))
    return root


def _group(name: str) -> int:
    return int(name.rpartition("_g")[2][:2])
