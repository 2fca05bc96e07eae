"""The synthetic set on disk: ordinary files, a true table, safe to run again and to grow."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import av
import numpy as np
import pytest

from kinema.datasets import load_dataset
from kinema.datasets.synthetic import CLASSES, ClipSettings, SyntheticClip, make_synthetic
from kinema.datasets.synthetic.generate import split_of
from kinema.errors import UsageError, WorkError

TINY = {"seconds": 0.6, "fps": 10, "width": 64, "height": 48}


def _make(out: Path, **changes) -> Path:
    wanted = {"actors": 3, "clips_per_actor": 1, "classes": ["waving", "strike_bell"], **TINY, **changes}
    return make_synthetic(out, **wanted)


def _stamps(out: Path) -> dict[str, int]:
    return {p.name: p.stat().st_mtime_ns for p in out.rglob("*.mp4")}


def test_files_and_table(tmp_path: Path) -> None:
    table = _make(tmp_path / "set", clips_per_actor=2)
    rows = list(csv.DictReader(table.open(encoding="utf-8")))
    assert len(rows) == 2 * 3 * 2 == len(list((tmp_path / "set").rglob("*.mp4")))
    assert rows[0] == {
        "file_name": "waving/waving_g01_c01.mp4",
        "label": "waving",
        "split": "train",
        "group": "g01",
    }
    assert {(r["group"], r["split"]) for r in rows} == {("g01", "train"), ("g02", "train"), ("g03", "test")}
    assert {p.name for p in (tmp_path / "set").iterdir()} == {
        "waving",
        "strike_bell",
        "annotations.csv",
        "synthetic.json",
    }


def test_both_layouts_read_it(tmp_path: Path) -> None:
    table = _make(tmp_path)
    for root in (table, tmp_path):
        dataset = load_dataset(root)
        assert len(dataset.records) == 6
        assert {r.label for r in dataset.records} == {"waving", "strike_bell"}
        assert {r.group for r in dataset.records} == {"g01", "g02", "g03"}


def test_file_holds_the_clip(tmp_path: Path) -> None:
    _make(tmp_path)
    clip = SyntheticClip("strike_bell", 1, 1, ClipSettings(**TINY))
    path = tmp_path / "strike_bell" / "strike_bell_g01_c01.mp4"
    with av.open(path) as file:
        assert [s.codec_context.name for s in file.streams] == ["h264", "aac"]
    frames = _decoded(path)
    assert len(frames) == 6
    for frame, drawn in zip(frames, clip.frames(), strict=True):
        assert np.abs(frame - drawn).mean() < 12  # what the encoder takes


def test_without_sound(tmp_path: Path) -> None:
    _make(tmp_path, sound=False, classes=["waving"], actors=2)
    with av.open(tmp_path / "waving" / "waving_g01_c01.mp4") as file:
        assert not file.streams.audio


def test_a_finished_set_is_left_alone(tmp_path: Path) -> None:
    table = _make(tmp_path)
    before, text = _stamps(tmp_path), table.stat().st_mtime_ns
    assert _make(tmp_path) == table
    assert _stamps(tmp_path) == before
    assert table.stat().st_mtime_ns == text


def test_it_grows_and_what_is_there_stays(tmp_path: Path) -> None:
    _make(tmp_path)
    before = _stamps(tmp_path)
    _make(tmp_path, actors=4, clips_per_actor=2, classes=["waving", "strike_bell", "sit_down"])
    after = _stamps(tmp_path)
    assert len(after) == 3 * 4 * 2
    assert {name: after[name] for name in before} == before


def test_an_interrupted_run_is_finished_by_the_next(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _make(tmp_path, workers=1, progress=stop)
    made = _stamps(tmp_path)
    assert 2 <= len(made) < 6
    assert not (tmp_path / "annotations.csv").exists()
    assert json.loads((tmp_path / "synthetic.json").read_text())["complete"] is False
    table = _make(tmp_path)
    after = _stamps(tmp_path)
    assert len(after) == 6
    assert {name: after[name] for name in made} == made
    assert table.exists()


def _decoded(path: Path) -> np.ndarray:
    with av.open(path) as file:
        return np.stack([f.to_ndarray(format="rgb24") for f in file.decode(video=0)]).astype(float)


def test_workers_do_not_change_the_files(tmp_path: Path) -> None:
    """The clips are equal to the bit before encoding; x264 with AVX-512 code may differ by a shade."""
    _make(tmp_path / "one", workers=1)
    _make(tmp_path / "three", workers=3)
    paths = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*.mp4"))
    assert paths == sorted(p.relative_to(tmp_path / "three") for p in (tmp_path / "three").rglob("*.mp4"))
    for path in paths:
        one, three = (_decoded(tmp_path / folder / path) for folder in ("one", "three"))
        assert np.abs(one - three).mean() < 3.0


def test_progress_counts_to_the_end(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    _make(tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(n, 6) for n in range(1, 7)]


def test_splits_never_move_when_actors_come() -> None:
    for actors in range(3, 40):
        assert [split_of(a, actors) for a in (1, 2, 3, 6)] == ["train", "train", "test", "test"]
    assert [split_of(a, 2) for a in (1, 2)] == ["train", "test"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"classes": ["wavin"]}, "'wavin' is unknown; choose from walking"),
        ({"classes": []}, "at least one class"),
        ({"classes": ["sit_down"], "brief": 0.1}, "'sit_down' cannot be brief"),
        ({"actors": 1}, "give 2 or more"),
        ({"clips_per_actor": 0}, "give 1 or more"),
        ({"fps": 0}, "fps=0"),
        ({"seconds": 0.0}, "seconds=0"),
        ({"width": 16}, "32 pixels or more"),
        ({"classes": ["waving"], "brief": 1.5}, "between 0 and 1"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_impossible_values_are_refused_before_anything_is_written(tmp_path: Path, changes, words) -> None:
    with pytest.raises(UsageError, match=words):
        _make(tmp_path / "set", **changes)
    assert not (tmp_path / "set").exists()


def test_another_set_is_not_mixed_in(tmp_path: Path) -> None:
    _make(tmp_path)
    before = _stamps(tmp_path)
    with pytest.raises(UsageError, match="holds a synthetic set with seed=0; choose another folder"):
        _make(tmp_path, seed=1)
    with pytest.raises(UsageError, match="holds a larger synthetic set"):
        _make(tmp_path, actors=2)
    with pytest.raises(UsageError, match="holds a larger synthetic set"):
        _make(tmp_path, classes=["waving"])
    assert _stamps(tmp_path) == before


def test_a_folder_of_something_else_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(UsageError, match="is not empty and not a synthetic set"):
        _make(tmp_path)
    with pytest.raises(UsageError, match="there is a file on its path"):
        _make(tmp_path / "letter.txt" / "set")
    assert [p.name for p in tmp_path.iterdir()] == ["letter.txt"]


def test_a_damaged_or_newer_marker_is_refused(tmp_path: Path) -> None:
    marker = tmp_path / "synthetic.json"
    marker.write_text("{")
    with pytest.raises(UsageError, match="is damaged"):
        _make(tmp_path)
    marker.write_text('{"version": 99}')
    with pytest.raises(UsageError, match="another version"):
        _make(tmp_path)


def test_a_full_disk_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, *args, **kwargs) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(WorkError, match="No space left on device; make room") as caught:
        _make(tmp_path / "set")
    assert "\n" not in str(caught.value)


def test_brief_set_holds_every_class_that_can_be(tmp_path: Path) -> None:
    table = _make(tmp_path, classes=None, brief=0.3, actors=2, seconds=1.0)
    labels = {r["label"] for r in csv.DictReader(table.open(encoding="utf-8"))}
    assert labels == {name for name, c in CLASSES.items() if c.can_be_brief}
    assert {"walking", "arm_circles_backward"} <= labels
    assert not labels & {"sit_down", "strike_bell"}
