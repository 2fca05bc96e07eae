"""`kinema extract` killed at random moments, run twice at once, and its memory on a long video."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "kinema.cli.app", "extract"]
# A network that is there at once: most of a call's time is the work that a kill is to interrupt.
SETTINGS = ["streams.rgb.backbone=small_cnn", "streams.rgb.sampling={kind: windows, length: 3, stride: 1}"]
OPTIONS = ["--recipe", "lite", "--weights", "none", "--layout", "folder"]
OPTIONS += [word for setting in SETTINGS for word in ("--set", setting)]


def start(data: Path, store: Path) -> subprocess.Popen[str]:
    command = [*COMMAND, str(data), *OPTIONS, "--features", str(store)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)


def finish(data: Path, store: Path) -> str:
    process = start(data, store)
    said = process.communicate(timeout=300)[1]
    assert process.returncode == 0, said
    return said


def tree(root: Path) -> dict[str, bytes]:
    """All files of a store but what it remembers of videos, which has their times."""
    files = (p for p in root.rglob("*") if p.is_file() and not p.name.startswith("digests.sqlite"))
    return {str(p.relative_to(root)): p.read_bytes() for p in files}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fifteen short videos of two classes, and four files that cannot be read."""
    import numpy as np

    from kinema.media.writer import VideoWriter

    root = tmp_path_factory.mktemp("videos")
    for label in ("left", "right"):
        (root / label).mkdir()
    for number in range(15):
        path = root / ("left", "right")[number % 2] / f"clip {number}, 'é\n.mp4"
        picture = np.random.default_rng(number).integers(0, 255, (48, 64, 3)).astype(np.uint8)
        with VideoWriter(path, fps=10, width=64, height=48, preset="ultrafast") as writer:
            for shift in range(20 + number):
                writer.write(np.roll(picture, shift, axis=1))
    (root / "left" / "empty.mp4").touch()
    (root / "right" / "empty too.mp4").touch()
    (root / "right" / "text.mp4").write_text("not a video\n")
    whole = (root / "left" / "clip 0, 'é\n.mp4").read_bytes()
    (root / "left" / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    return root


@pytest.fixture(scope="module")
def reference(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], str]:
    """The store of a run that nobody disturbed, and what it said."""
    store = tmp_path_factory.mktemp("reference") / "store"
    said = finish(data, store)
    return tree(store), said


def test_the_rest_goes_on_and_is_counted(reference: tuple[dict[str, bytes], str]):
    files, said = reference
    assert sum(name.endswith(".safetensors") for name in files) == 15
    assert "15 extracted, 0 already there" in said
    assert "4 quarantined, 0 listed but absent" in said
    quarantine = files["quarantine.csv"].decode()
    for name in ("empty.mp4", "empty too.mp4", "text.mp4", "cut.mp4"):
        assert name in quarantine
    assert not [name for name in files if name.endswith(".tmp")]


def kill_at_random(data: Path, store: Path, choose: random.Random) -> bool:
    """Start, wait, kill -9 the process or its whole group; whether it was still running then."""
    process = start(data, store)
    assert process.stderr is not None
    if choose.random() < 0.8:  # in the midst of the work; otherwise anywhere from the first instant on
        for line in process.stderr:
            if "extracting" in line:
                break
        time.sleep(choose.uniform(0, 1.5))
    else:
        time.sleep(choose.uniform(0, 4))
    running = process.poll() is None
    if running:
        kill = choose.choice([os.kill, os.killpg])
        kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stderr.close()
    return running


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_at_random_and_resumed(data: Path, reference, tmp_path: Path, kills: int):
    choose = random.Random(kills)
    store = tmp_path / "store"
    for _ in range(kills):
        while not kill_at_random(data, store, choose):
            # It was done before the kill: give the next one something to do.
            done = sorted(store.glob("rgb-*/*/*.safetensors"))
            for path in choose.sample(done, min(5, len(done))):
                path.unlink()
    finish(data, store)
    assert tree(store) == reference[0]
    assert "0 extracted, 15 already there" in finish(data, store)
    assert tree(store) == reference[0]


def test_two_at_once_fill_one_store(data: Path, reference, tmp_path: Path):
    store = tmp_path / "store"
    both = [start(data, store) for _ in range(2)]
    said = [process.communicate(timeout=300)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert tree(store) == reference[0]


PEAK = """
import resource, sys
from pathlib import Path
from kinema.resources import Resources
from kinema.workflows.extract import extract_dataset
resources = Resources(weights="none", features=Path(sys.argv[2]), workers=1)
options = {"overrides": ["streams.rgb.sampling.fps=0.1"], "layout": "folder", "resources": resources}
extract_dataset(sys.argv[1], **options)
peak = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(sum(peak) // 1024)
"""


def peak_megabytes(data: Path, store: Path) -> int:
    """Peak of the process and of its largest worker together."""
    command = [sys.executable, "-c", PEAK, str(data), str(store)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True, timeout=1800).stdout)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_length_of_a_video(tmp_path: Path, make_clip: Callable[..., Path]):
    """Ten seconds against ten hours, whose 3600 sampled pictures would be 540 MB."""
    peaks = []
    for name, frames in (("short", 10 * 12), ("long", 36000 * 12)):
        for label in ("a", "b"):
            make_clip(tmp_path / name / label / "clip.mp4", frames if label == "a" else 24, seed=ord(label))
        peaks.append(peak_megabytes(tmp_path / name, tmp_path / f"{name}-store"))
    assert peaks[1] - peaks[0] < 300
