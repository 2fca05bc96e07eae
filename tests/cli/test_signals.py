"""One SIGINT or SIGTERM ends a verb: one line, its exit code, no temporary file, no process left."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest

from kinema.media.writer import VideoWriter

KINEMA = [sys.executable, "-m", "kinema.cli.app"]
SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of videos that take some seconds each to extract."""
    root = tmp_path_factory.mktemp("signals")
    for label in ("left", "right"):
        (root / label).mkdir()
        for number in range(3):
            path = root / label / f"{number}.mp4"
            with VideoWriter(path, fps=10, width=64, height=48, preset="ultrafast") as writer:
                first = 40 * number + 20 * len(label)
                for shift in range(300):
                    writer.write(np.full((48, 64, 3), (first + shift) % 255, np.uint8))
    return root


def started(arguments: list[str | Path], until: str) -> subprocess.Popen[str]:
    """A call of the program that has said `until`."""
    command = [*KINEMA, *map(str, arguments)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if until in line:
            return process
    raise AssertionError(said)


@pytest.mark.parametrize(
    ("verb", "number", "code"),
    [
        ("extract", *SIGNALS[0]),
        ("train", *SIGNALS[1]),
        pytest.param("extract", *SIGNALS[1], marks=pytest.mark.slow),
        pytest.param("train", *SIGNALS[0], marks=pytest.mark.slow),
    ],
)
def test_one_signal_is_enough(verb: str, number: signal.Signals, code: int, videos: Path, tmp_path: Path):
    options: list[str | Path] = ["--features", tmp_path / "features", "--weights", "none", "--workers", "1"]
    until = "extracting"
    if verb == "train":
        options += ["--out", tmp_path / "run", "--recipe", "tiny", "--set", "training.backbone.epochs=500"]
        until = "training the backbones"
    process = started([verb, videos, *options], until)
    workers = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, number)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == code, rest
    assert rest.splitlines()[-1] == "stopped; what was finished is kept, start again to go on"
    assert "Traceback" not in rest
    left = [p for p in tmp_path.rglob("*") if re.search(r"\.(tmp|part|partial)", p.name)]
    assert left == []
    assert not psutil.wait_procs(workers, timeout=3)[1]


def test_scan_does_not_wait_for_the_files_that_it_reads(tmp_path: Path):
    """A thread that is still busy does not hold the program back."""
    code = (
        "import sys, threading, time\n"
        "from kinema.cli import app, signals\n"
        "def slow(*_, **__):\n"
        "    print('busy', file=sys.stderr, flush=True); time.sleep(30)\n"
        "import kinema.workflows.scan as scan; scan.probe = slow\n"
        f"sys.argv = ['kinema', 'scan', {str(tmp_path)!r}]\n"
        "app.main()"
    )
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        (tmp_path / label / "1.mp4").write_text("x")
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if "busy" in line:
            break
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=15)
    assert process.returncode == 130


def test_a_signal_whose_exception_was_lost_is_heeded_at_the_next_event():
    """In a process of its own: libraries that other tests load handle signals too."""
    code = (
        "import signal, sys\n"
        "from kinema.cli import signals\n"
        "from kinema.cli.console import ConsoleEvents\n"
        "class Swallows:\n"
        "    def __del__(self):\n"
        "        signal.raise_signal(signal.SIGINT)\n"
        "signals.watch()\n"
        "sys.unraisablehook = lambda _: None\n"
        "Swallows()\n"
        "print('lost', flush=True)\n"
        "try:\n"
        "    ConsoleEvents().progress(1, 2)\n"
        "except KeyboardInterrupt:\n"
        "    print('heeded')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["lost", "heeded"]


def test_an_error_that_a_signal_caused_is_no_error(tmp_path: Path):
    """A library that is interrupted while it is imported says that it cannot be."""
    code = (
        "import signal, sys\n"
        "from kinema.cli import app\n"
        "from kinema.errors import UsageError\n"
        "import kinema.workflows.scan as scan\n"
        "def interrupted(*_, **__):\n"
        "    try:\n"
        "        signal.raise_signal(signal.SIGTERM)\n"
        "    except KeyboardInterrupt:\n"
        "        raise UsageError('OpenVINO is not installed')\n"
        "scan.load_dataset = interrupted\n"
        f"sys.argv = ['kinema', 'scan', {str(tmp_path)!r}]\n"
        "app.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 143
    assert done.stderr.splitlines()[-1] == "stopped; what was finished is kept, start again to go on"
