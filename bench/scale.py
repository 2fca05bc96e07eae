"""Many files on one machine: seconds to the first feature, to find that nothing is to do, and until training
starts, of features in files and in shards.

    python bench/scale.py --files 1000000 [--against COMMIT] [--steps first nothing training packed]

Makes so many short clips of different content, 4 KB each on the disk, in folders of a thousand, and fakes a
store that has the features of all. Everything is gone afterwards. With --against, the code of another commit
does the same in turns. Times are by the wall; every process starts from nothing, with files in the system's
cache.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil

from kinema.features.packing import MANY_FILES
from kinema.keys import video_key
from kinema.media.writer import VideoWriter
from kinema.types import VideoRecord
from start import sources

STEPS = ("first", "nothing", "training", "packed")
PER_FOLDER = 1000
LINKS = 50_000  # of one file, of which ext4 has 65,000 at the most
RECIPE = ["--recipe", "lite", "--weights", "none", "--layout", "folder"]
SETTINGS = ["streams.rgb.backbone=small_cnn", "streams.rgb.sampling={kind: windows, length: 3, stride: 1}"]
OPTIONS = [*RECIPE, *(word for setting in SETTINGS for word in ("--set", setting))]


def make_clips(root: Path, files: int) -> None:
    """Clips that are one clip each with another end, which no decoder looks at."""
    root.mkdir()
    source = root.with_name("clip.mp4")
    picture = np.random.default_rng(0).integers(0, 255, (32, 32, 3)).astype(np.uint8)
    with VideoWriter(source, fps=10, width=32, height=32, preset="ultrafast") as writer:
        for shift in range(6):
            writer.write(np.roll(picture, shift, axis=1))
    clip = source.read_bytes()
    for number in range(files):
        folder = root / f"class {number // PER_FOLDER:04}"
        if not number % PER_FOLDER:
            folder.mkdir()
        (folder / f"clip {number}.mp4").write_bytes(clip + struct.pack(">I4sQ", 16, b"free", number))


def fake_store(root: Path, store: Path, one: Path) -> None:
    """Every clip has the features `one`."""
    shelf, linked, number = one.parent.parent, one, 0
    for folder in sorted(root.iterdir()):
        for path in sorted(folder.iterdir()):
            key = video_key(hashlib.sha256(path.read_bytes()).hexdigest(), VideoRecord(path))
            target = shelf / key[:2] / f"{key}.safetensors"
            target.parent.mkdir(exist_ok=True)
            number += 1
            if number % LINKS == 0:
                linked = shutil.copy(one, store / f"copy {number}")
            if not target.exists():
                os.link(linked, target)


def start(arguments: list[str], source: Path, log: Path) -> subprocess.Popen[bytes]:
    environment = os.environ | {"PYTHONPATH": str(source), "KINEMA_OFFLINE": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "kinema", *arguments],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=open(log, "wb"),
        start_new_session=True,
    )


Took = tuple[float, float, float]  # seconds by the wall and by the processor, and the most MB held


def until(process: subprocess.Popen[bytes], came: Callable[[], bool]) -> Took:
    """What it took until something came, or the process ended; it is then killed. Without its workers."""
    started, processor, peak = time.perf_counter(), 0.0, 0.0
    own = psutil.Process(process.pid)
    while process.poll() is None and not came():
        try:
            peak = max(peak, own.memory_info().rss / 1e6)
            processor = sum(own.cpu_times()[:2])
        except psutil.Error:
            break
        time.sleep(0.02)
    seconds = time.perf_counter() - started
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return seconds, processor, peak


def features_in(store: Path) -> list[Path]:
    return list(store.glob("rgb-*/*/*.safetensors"))


def first_feature(clips: Path, source: Path, store: Path) -> Took:
    process = start(
        ["extract", str(clips), *OPTIONS, "--features", str(store)], source, store.with_suffix(".log")
    )
    return until(process, lambda: bool(features_in(store)))


def nothing_to_do(clips: Path, source: Path, store: Path) -> Took:
    log = store.with_suffix(".log")
    took = until(
        start(["extract", str(clips), *OPTIONS, "--features", str(store)], source, log), lambda: False
    )
    if b"0 extracted" not in log.read_bytes():
        raise SystemExit(f"there was something to do:\n{log.read_text()}")
    return took


def packed(clips: Path, source: Path, store: Path) -> Took:
    """One clip more is computed; at the end of that all files become shards."""
    more = clips / "one more" / "clip.mp4"
    more.parent.mkdir()
    first = next(clips.rglob("*.mp4"))
    more.write_bytes(first.read_bytes() + struct.pack(">I4sQ", 16, b"free", 1 << 40))
    log = store.with_suffix(".log")
    took = until(
        start(["extract", str(clips), *OPTIONS, "--features", str(store)], source, log), lambda: False
    )
    if left := len(features_in(store)):
        raise SystemExit(f"{left} files were not packed:\n{log.read_text()}")
    return took


def training_starts(clips: Path, source: Path, store: Path) -> Took:
    log, run = store.with_suffix(".log"), store.with_name("run")
    arguments = ["train", str(clips), *OPTIONS, "--set", "protocol.kind=split", "--features", str(store)]
    took = until(
        start([*arguments, "--overwrite", "--out", str(run)], source, log),
        lambda: b"fitting" in log.read_bytes(),
    )
    shutil.rmtree(run, ignore_errors=True)
    if b"fitting" not in log.read_bytes():
        raise SystemExit(f"training did not start:\n{log.read_text()}")
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--against", metavar="COMMIT")
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=STEPS)
    parser.add_argument("--folder", type=Path, help="where all of it lies; default: the temporary folder")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kinema-", dir=args.folder) as temporary:
        folder = Path(temporary)
        clips, store = folder / "clips", folder / "store"
        begun = time.perf_counter()
        make_clips(clips, args.files)
        print(f"{args.files} clips made in {time.perf_counter() - begun:.0f} s", flush=True)
        found = sources(args.against, folder / "code")
        tell = lambda what, source, took: print(  # noqa: E731
            f"{what:44}{source:>10} {took[0]:8.1f} s {took[1]:8.1f} s {took[2]:8.0f} MB", flush=True
        )
        for name, source in found.items() if "first" in args.steps else ():
            tell("first feature", name, first_feature(clips, source, folder / f"first-{name}"))
        one = clips.with_name("one")
        (one / "a").mkdir(parents=True)
        shutil.copy(next(iter(sorted(next(iter(sorted(clips.iterdir()))).iterdir()))), one / "a" / "x.mp4")
        first_feature(one, found["here"], store)
        fake_store(clips, store, features_in(store)[0])
        cases = [("nothing to do, all files read", nothing_to_do), ("nothing to do, again", nothing_to_do)]
        cases = cases if "nothing" in args.steps else []
        if "training" in args.steps:
            cases.append(("training starts", training_starts))
        for what, measure in cases:
            for name, source in found.items():
                tell(what, name, measure(clips, source, store))
        if args.files > MANY_FILES and "packed" in args.steps:
            shards = ("one clip more, and all is packed", packed), ("nothing to do, packed", nothing_to_do)
            for what, measure in (*shards, ("training starts, packed", training_starts)):
                tell(what, "here", measure(clips, found["here"], store))


if __name__ == "__main__":
    main()
