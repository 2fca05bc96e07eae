"""Real clips joined into long videos: actions of some classes, with clips of other classes between them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from kinema.datasets import load_dataset
from kinema.errors import MediaError
from kinema.media.reader import VideoReader
from kinema.media.writer import VideoWriter
from kinema.types import VideoRecord

FPS, SIZE = 12, (320, 240)
GAP = (1.5, 5.0)  # seconds of a clip of another class: least and most
CLIPS = 10  # actions in one long video


def join_set(
    root: Path,
    out: Path,
    actions: int,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Path:
    """Write long videos of the set at `root` to `out` and return the path of their segments.csv.

    The first `actions` classes are actions, the others background. Clips of the test split (official split
    1, or the folder's own) are joined with each other alone, so that groups stay apart. Every action's clip
    is used once.
    """
    made = out / "segments.csv"
    if made.is_file():
        return made
    out.mkdir(parents=True, exist_ok=True)
    dataset = load_dataset(root)
    named, rng = dataset.labels[:actions], np.random.default_rng(seed)
    plans = []
    for split in ("train", "test"):
        records = [r for r in dataset.records if (r.split == "test") == (split == "test")]
        clips = [r for r in records if r.label in named]
        others = [r for r in records if r.label not in named]
        order = rng.permutation(len(clips))
        parts = [order[i : i + CLIPS] for i in range(0, len(order), CLIPS)]
        plans += [
            (f"{split}{n:02d}.mp4", split, [clips[i] for i in part], others) for n, part in enumerate(parts)
        ]
    rows = []
    for number, (name, split, clips, others) in enumerate(plans, start=1):
        rows += [(name, *row, split) for row in _write(out / name, clips, others, rng)]
        progress(number, len(plans))
    with open(made, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("file_name", "label", "start", "end", "split"))
        table.writerows(rows)
    return made


def _write(
    path: Path, clips: list[VideoRecord], others: list[VideoRecord], rng: np.random.Generator
) -> list[tuple[str, str, str]]:
    """One long video; (label, start, end) of its actions."""
    rows, count = [], 0
    with VideoWriter(path, fps=FPS, width=SIZE[0], height=SIZE[1]) as writer:
        for clip in clips:
            for record, most in ((others[int(rng.integers(len(others)))], rng.uniform(*GAP)), (clip, np.inf)):
                first = count
                for picture in _pictures(record, most):
                    writer.write(picture)
                    count += 1
                if record is clip and count > first:
                    rows.append((clip.label or "", f"{first / FPS:.3f}", f"{count / FPS:.3f}"))
    return rows


def _pictures(record: VideoRecord, most: float) -> Iterator[np.ndarray]:
    """The first `most` seconds of a clip at `FPS`, uint8 [240, 320, 3]; what a damaged file still gives."""
    due = 0
    try:
        with VideoReader(record.path) as reader:
            for frame in reader.read():
                if frame.pts_seconds >= most:
                    return
                while frame.pts_seconds * FPS >= due:
                    yield np.asarray(Image.fromarray(frame.data).resize(SIZE))
                    due += 1
    except MediaError:
        return
