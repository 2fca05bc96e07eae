"""`kinema predict`: which videos are meant, what is shown and written, and what is refused before torch."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kinema.cli.videos import find_videos
from kinema.errors import UsageError
from kinema.media.reader import VideoReader
from support.called import Call


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Names alone: two videos, one deeper, a text and a name with brackets."""
    monkeypatch.chdir(tmp_path)
    for name in ("v/a.mp4", "v/b.AVI", "v/deep/c.mkv", "v/notes.md", "v/x[1].mp4"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    return tmp_path


def names(*found: Path) -> list[str]:
    return [path.as_posix() for path in found]


def test_folders_are_searched_by_suffix(tree: Path):
    assert names(*find_videos([Path("v")])) == ["v/a.mp4", "v/b.AVI", "v/deep/c.mkv", "v/x[1].mp4"]


def test_globs(tree: Path):
    assert names(*find_videos([Path("v/*.mp4")])) == ["v/a.mp4", "v/x[1].mp4"]
    assert names(*find_videos([Path("v/x[1].mp4")])) == ["v/x[1].mp4"]
    assert "v/deep/c.mkv" in names(*find_videos([Path("v/**/*")]))
    assert "v/notes.md" not in names(*find_videos([Path("v/*")]))
    with pytest.raises(UsageError, match="no video matches"):
        find_videos([Path("v/*.webm")])


def test_lists_and_stdin(tree: Path, monkeypatch: pytest.MonkeyPatch):
    lines = "v/a.mp4\r\n\nv/deep\nv/a.mp4\n"
    wanted = ["v/a.mp4", "v/deep/c.mkv"]
    Path("list").write_bytes(lines.encode("utf-8-sig"))
    assert names(*find_videos([], Path("list"))) == wanted
    Path("list.txt").write_text(lines)
    assert names(*find_videos([Path("list.txt")])) == wanted
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines.encode())))
    assert names(*find_videos([Path("v/x[1].mp4")], Path("-"))) == ["v/x[1].mp4", *wanted]


def test_each_file_once_and_none_is_refused(tree: Path):
    assert len(find_videos([Path("v"), Path("v/a.mp4"), Path("v")])) == 4
    for wrong in ([], [Path("gone.mp4")]):
        with pytest.raises(UsageError):
            find_videos(wrong)
    Path("empty").mkdir()
    with pytest.raises(UsageError, match="no videos in empty"):
        find_videos([Path("empty")])


def test_pipes_are_refused_at_once(tree: Path):
    os.mkfifo("pipe.mp4")
    with pytest.raises(UsageError, match="not a regular file"):
        find_videos([Path("pipe.mp4")])


IRREGULAR = [
    ["predict", "run", "PIPE"],
    ["anomaly", "score", "detector", "PIPE"],
    ["search", "file.parquet", "PIPE"],
    ["flow", "PIPE", "--out", "flow.mp4"],
    ["scan", "PIPE"],
    ["extract", "PIPE"],
    ["train", "PIPE", "--out", "out"],
]


def test_every_verb_refuses_pipes_and_devices_before_torch(tree: Path):
    os.mkfifo("pipe.mp4")
    Path("device.mp4").symlink_to("/dev/zero")
    code = (
        "import sys; from kinema.cli.app import app; from kinema.errors import UsageError\n"
        "for name in ('pipe.mp4', 'device.mp4'):\n"
        f"    for words in {IRREGULAR!r}:\n"
        "        try: app([name if word == 'PIPE' else word for word in words])\n"
        "        except UsageError as error: assert name in str(error), error\n"
        "        else: raise AssertionError(words)\n"
        "        assert 'torch' not in sys.modules, words"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


REFUSED = [
    (["v/a.mp4", "--windows"], "--windows has no effect without --timeline"),
    (["v/a.mp4", "--window", "2"], "--window has no effect without --timeline"),
    (["v/a.mp4", "--stride", "2"], "--stride has no effect without --timeline"),
    (["v", "--annotate", "out.mp4"], "--annotate writes one video and 4 are given"),
    (["v/a.mp4", "--annotate", "out.txt"], "cannot write a video to 'out.txt'"),
    (["v/a.mp4", "--annotate", "v/a.mp4"], "would replace the video itself"),
    (["v/a.mp4", "--annotate", "gone/out.mp4"], "is in no existing folder"),
    (["v/a.mp4", "--csv", "v"], "is a folder"),
    (["v/a.mp4"], "run is not a run folder"),
    ([], "no video is named"),
]


@pytest.mark.parametrize(("arguments", "says"), REFUSED)
def test_wrong_calls(tree: Path, call: Call, arguments: list[str], says: str):
    called = call("predict", "run", *arguments)
    assert called.code == 2
    assert says in called.error


def test_wrong_calls_are_refused_before_torch(tree: Path):
    code = (
        "import sys; from kinema.cli.app import app; from kinema.errors import UsageError\n"
        f"for words in {[words for words, _ in REFUSED]!r}:\n"
        "    try: app(['predict', 'run', *words])\n"
        "    except UsageError: pass\n"
        "    assert 'torch' not in sys.modules, words"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_picture_is_said_to_be_one(call: Call, tiny_run: Path, tmp_path: Path):
    picture = Image.fromarray(np.zeros((48, 64, 3), np.uint8))
    for name, kind in (("a.png", "PNG"), ("a.jpg", "JPEG"), ("b.mp4", "PNG"), ("c.bmp", "BMP")):
        picture.save(tmp_path / name, kind)
        called = call("predict", tiny_run, tmp_path / name)
        assert called.code == 1
        assert f"{name} is a picture, not a video" in called.err


@pytest.fixture
def video(tiny_videos: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(next(tiny_videos.parent.glob("waving/*.mp4")), tmp_path / "clip.mp4"))


def test_folder_and_csv(call: Call, tiny_run: Path, tiny_videos: Path, tmp_path: Path):
    folder = tiny_videos.parent / "waving"
    found = call("predict", tiny_run, folder, "--json", "--csv", tmp_path / "out.csv").json
    assert [Path(row["video"]) for row in found] == sorted(folder.glob("*.mp4"))
    rows = list(csv.DictReader((tmp_path / "out.csv").open(encoding="utf-8")))
    assert [(r["video"], r["label"], float(r["score"])) for r in rows] == [
        (row["video"], row["label"], row["score"]) for row in found
    ]
    assert all(row["top"][0] == {"label": row["label"], "score": row["score"]} for row in found)


def test_segments_windows_and_their_csv(call: Call, tiny_run: Path, video: Path, tmp_path: Path):
    arguments = ("predict", tiny_run, video, "--timeline", "--window", "0.3", "--stride", "0.1", "--json")
    windows = call(*arguments, "--windows").json[0]["timeline"]
    assert len(windows) == 8
    merged = call(*arguments, "--csv", tmp_path / "out.csv").json[0]["timeline"]
    for rows in (windows, merged):
        assert all({"start", "end", "label", "score", "top"} == set(row) for row in rows)
    assert all(a["label"] != b["label"] for a, b in pairwise(merged))
    changes = sum(a["label"] != b["label"] for a, b in pairwise(windows))
    assert len(merged) == changes + 1
    assert (merged[0]["start"], merged[-1]["end"]) == (windows[0]["start"], windows[-1]["end"])
    rows = list(csv.DictReader((tmp_path / "out.csv").open(encoding="utf-8")))
    assert [(float(r["start"]), r["label"]) for r in rows] == [(m["start"], m["label"]) for m in merged]
    assert call(*arguments[:-1]).out.count(" s   ") == len(merged)


def test_unknown_below_the_least_score(call: Call, tiny_run: Path, video: Path, tmp_path: Path):
    sure = call("predict", tiny_run, video, "--json", "--min-score", "0").json[0]
    assert (sure["unknown"], sure["label"]) == (False, sure["top"][0]["label"])
    arguments = ("predict", tiny_run, video, "--min-score", "1")
    doubt = call(*arguments, "--json", "--csv", tmp_path / "out.csv").json[0]
    assert (doubt["unknown"], doubt["label"]) == (True, None)
    assert doubt["top"] == sure["top"]
    assert "unknown (" in call(*arguments).out
    assert ",unknown," in (tmp_path / "out.csv").read_text(encoding="utf-8")
    (segment,) = call(*arguments, "--timeline", "--json").json[0]["timeline"]
    assert segment["label"] is None


def test_annotate(call: Call, tiny_run: Path, video: Path, tmp_path: Path):
    for more in ([], ["--timeline", "--window", "0.5"]):
        out = tmp_path / "out.mp4"
        assert call("predict", tiny_run, video, "--annotate", out, *more).code == 0
        with VideoReader(video) as before, VideoReader(out) as after:
            assert len(after.timestamps()) == len(before.timestamps())
            assert (after.info.width, after.info.height) == (before.info.width, before.info.height)


def test_json_is_all_of_stdout(call: Call, tiny_run: Path, video: Path, tmp_path: Path):
    called = call("predict", tiny_run, video, "--json", "--annotate", tmp_path / "out.mp4")
    assert json.loads(called.out)[0]["video"] == str(video)


def test_results_and_the_bar_share_a_terminal(tiny_run: Path, tiny_videos: Path):
    """No result is written behind the bar, whose line is wiped."""
    terminal, theirs = os.openpty()
    command = [sys.executable, "-m", "kinema.cli.app", "predict", str(tiny_run), str(tiny_videos.parent)]
    process = subprocess.Popen(command, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # the end of a terminal, on Linux
        while part := os.read(terminal, 4096):
            shown += part
    os.close(terminal)
    assert process.wait() == 0
    assert b"1/12" in shown
    written = [re.split("\x1b\\[2K", line)[-1] for line in shown.decode().split("\n") if ".mp4" in line]
    assert len(written) == 12
    assert not [line for line in written if "━" in line]
