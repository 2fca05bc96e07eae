"""Long synthetic videos: their acts are where the CSV says, and the pictures move there."""

from __future__ import annotations

import csv
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from kinema.datasets.synthetic import make_long
from kinema.datasets.synthetic.long import LongSettings, LongVideo
from kinema.datasets.timeline import load_timelines
from kinema.errors import UsageError
from kinema.media.reader import VideoReader

SIZE = {"seconds": 20.0, "fps": 6, "width": 64, "height": 48}


def test_acts_follow_each_other_with_pauses_but_for_waves_of_a_walker() -> None:
    acts = [
        act for actor in range(12) for act in LongVideo(actor, 1, LongSettings(seconds=120, fps=2)).acts
    ]  # fmt: skip
    assert {act.label for act in acts} >= {"walking", "boxing", "waving", None}
    assert all(1.5 < act.end - act.start <= 9 for act in acts)
    for before, act in pairwise(acts):
        if act.arms:
            assert before.label == "walking"
            assert before.start < act.start < act.end < before.end
    assert any(act.arms for act in acts)


def test_pictures_move_more_in_acts_than_in_pauses() -> None:
    video = LongVideo(3, 1, LongSettings(seconds=60, fps=6, width=64, height=48), ["jumping_jacks"])
    frames = np.stack(list(video.frames())).astype(float)
    moved = np.abs(np.diff(frames, axis=0)).mean((1, 2, 3))
    acting = np.array(
        [any(act.activity((i + 0.5) / 6) == 1 for act in video.acts) for i in range(len(moved))]
    )
    assert np.median(moved[acting]) > 1.2 * np.median(moved[~acting])


def test_the_files_are_what_the_csv_says_and_grow_in_place(tmp_path: Path) -> None:
    made = make_long(tmp_path / "set", actors=2, **SIZE)
    first = made.read_bytes()
    data = load_timelines(made)
    assert {r.name: (r.split, r.group) for r in data.records} == {
        "long_g01_c01.mp4": ("train", "g01"),
        "long_g02_c01.mp4": ("test", "g02"),
    }
    with VideoReader(data.records[0].path) as reader:
        assert len(list(reader.read())) == 120
    stamp = data.records[0].path.stat().st_mtime_ns
    assert make_long(tmp_path / "set", actors=2, **SIZE).read_bytes() == first
    make_long(tmp_path / "set", actors=3, **SIZE)
    assert data.records[0].path.stat().st_mtime_ns == stamp
    with open(made, newline="") as file:
        assert {row["file_name"][:8] for row in csv.DictReader(file)} == {"long_g01", "long_g02", "long_g03"}
    with pytest.raises(UsageError, match="holds a synthetic set with seconds"):
        make_long(tmp_path / "set", actors=3, **SIZE | {"seconds": 21.0})


def test_impossible_values_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be one act"):
        make_long(tmp_path, classes=["sit_down"])
    with pytest.raises(UsageError, match="seconds=3"):
        make_long(tmp_path, seconds=3)
