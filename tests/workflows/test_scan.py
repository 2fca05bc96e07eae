from __future__ import annotations

import json
import shutil
from dataclasses import asdict

import numpy as np
import pytest

from kinema.errors import UsageError
from kinema.media.writer import VideoWriter
from kinema.workflows.events import Events
from kinema.workflows.scan import scan


def write(path, frames=10, fps=10, size=(64, 48), sound=None, seed=0):
    """A small noisy clip; `sound` is None, "tone" or "silence"."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    rate = None if sound is None else 16000
    width, height = size
    with VideoWriter(
        path, fps=fps, width=width, height=height, sample_rate=rate, preset="ultrafast"
    ) as writer:
        for _ in range(frames):
            writer.write(rng.integers(0, 255, (height, width, 3), np.uint8))
        if sound is not None:
            times = np.arange(frames * 16000 // fps) / 16000
            tone = 0.5 * np.sin(2 * np.pi * 440 * times)
            writer.write_audio((tone if sound == "tone" else 0 * tone).astype(np.float32))
    return path


@pytest.fixture(scope="module")
def messy(tmp_path_factory):
    """Two classes with everything that can be wrong with a file."""
    root = tmp_path_factory.mktemp("messy")
    first = write(root / "train/run/anna 1.mp4", 10, 10, seed=1)
    write(root / "train/run/2.mp4", 20, 10, sound="tone", seed=2)
    write(root / "train/walk/3.mp4", 30, 20, (96, 64), sound="silence", seed=3)
    write(root / "test/walk/4.mp4", 40, 20, (96, 64), seed=4)
    write(root / "test/run/5.mp4", 10, 10, seed=5)
    shutil.copy(first, root / "test/walk/same.mp4")
    (root / "test/run/text.mp4").write_text("not a video at all\n" * 50)
    (root / "test/run/empty.mp4").touch()
    (root / "train/run/cut.mp4").write_bytes(first.read_bytes()[:300])
    (root / "train/run/notes.txt").touch()
    return root


@pytest.fixture(scope="module")
def report(messy):
    return scan(messy)


def test_counts(report):
    assert report.layout == "folder"
    assert report.counts == {
        "run": {"train": 3, "val": 0, "test": 3, "unsplit": 0},
        "walk": {"train": 1, "val": 0, "test": 2, "unsplit": 0},
    }
    assert (report.records, report.files) == (9, 9)
    assert report.split_source == "split folders"


def test_lengths_and_sizes(report):
    frames = [10, 10, 10, 20, 30, 40]
    assert (report.frames.minimum, report.frames.maximum, report.frames.total) == (10, 40, sum(frames))
    assert report.frames.median == 15
    assert report.frames.mean == sum(frames) / 6
    assert report.seconds.total == pytest.approx(1 + 1 + 1 + 2 + 1.5 + 2, abs=1e-3)
    assert report.sizes == {"64x48": 4, "96x64": 2}
    assert report.fps == {"10": 4, "20": 2}
    assert report.codecs == {"h264": 6}


def test_sound(report):
    assert report.sound == {"with": 1, "without": 4, "silent": 1}


def test_broken_files_are_named_with_a_reason(report):
    assert [name for name, _ in report.broken] == [
        "test/run/empty.mp4",
        "test/run/text.mp4",
        "train/run/cut.mp4",
    ]
    assert all(reason and "\n" not in reason for _, reason in report.broken)
    assert "files that cannot be read (3): test/run/empty.mp4, " in "\n".join(report.warnings)


def test_duplicates_across_splits_and_labels(report):
    (same,) = report.duplicates
    assert same.names == ("test/walk/same.mp4", "train/run/anna 1.mp4")
    text = "\n".join(report.warnings)
    assert "identical files in different splits (1): test/walk/same.mp4 = train/run/anna 1.mp4" in text
    assert "identical files with different labels (1)" in text


def test_the_report_is_plain_json(report):
    plain = json.loads(json.dumps(asdict(report)))
    assert plain["frames"]["total"] == 120
    assert plain["duplicates"][0]["names"] == ["test/walk/same.mp4", "train/run/anna 1.mp4"]
    assert plain["broken"][0][0] == "test/run/empty.mp4"
    assert "test/walk/same.mp4 and train/run/anna 1.mp4 have the same content" in plain["refusal"]


def test_progress_is_told(messy):
    class Told(Events):
        seen: list = []  # noqa: RUF012

        def progress(self, done, total):
            self.seen.append((done, total))

    scan(messy, exact=False, events=Told())
    assert Told.seen == [(n, 9) for n in range(1, 10)]


def test_leaks_absent_files_and_parts_beyond_the_end(tmp_path):
    for n in range(4):
        write(tmp_path / f"{n}.mp4", 10, 10, seed=n)
    (tmp_path / "x.csv").write_text(
        "file_name,label,split,group,start,end\n"
        "0.mp4,a,train,anna,0,0.5\n0.mp4,a,train,anna,0.5,1\n"
        "1.mp4,b,train,bob,,\n2.mp4,a,test,anna,0.5,7\n3.mp4,b,test,carl,9,\ngone.mp4,b,test,carl,,\n"
    )
    report = scan(tmp_path / "x.csv")
    assert (report.records, report.files, report.groups) == (5, 4, 3)
    assert [(leak.group, leak.train, leak.test) for leak in report.leaks] == [("anna", 2, 1)]
    assert report.absent == ("gone.mp4",)
    assert report.beyond == ("2.mp4#seconds=0.5-7", "3.mp4#seconds=9-")
    text = "\n".join(report.warnings)
    assert "groups in train and in test, so the score is too high (1): anna" in text
    assert "parts ending after the end of their file (2): 2.mp4" in text


def test_why_training_would_refuse(tmp_path):
    write(tmp_path / "a/1.mp4")
    assert "there is one class only, 'a'" in scan(tmp_path).refusal
    (tmp_path / "b").mkdir()
    (tmp_path / "b/broken.mp4").touch()  # a second class that cannot be read is none
    assert scan(tmp_path).refusal


def test_nothing_to_scan(tmp_path):
    with pytest.raises(UsageError, match="no videos in"):
        scan(tmp_path)


def test_real_clips_without_decoding(ucf_clips):
    report = scan(ucf_clips, exact=False)
    assert (report.records, report.files, len(report.absent)) == (321, 321, 12999)
    assert report.broken == ()
    assert report.sizes == {"320x240": 321}
    assert sum(row["test"] for row in report.counts.values()) == 117
    assert report.leaks == ()
    assert report.refusal == ""
