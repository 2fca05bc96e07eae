"""Extraction on Ray against extraction on this machine alone, by turns in one run.

    python bench/cluster.py CLIPS [--recipe lite] [--weights DIR] [--clips 40] [--rounds 3]

Both have the same processors: `--cluster local` is Ray with one node. Every turn is a process of its own with
an empty store. `pace` is the time from the first video's end to the last one's, for what work costs once it
runs; `whole` is the process from its start to its end, with Ray's start and that of its processes. In the end
both stores must be the same, byte for byte.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from kinema.features.digests import FILE as DIGESTS
from kinema.resources import Resources
from kinema.workflows.events import Events
from kinema.workflows.extract import extract_dataset

WAYS = ("alone", "ray")


class Ends(Events):
    """Notes when each video ended."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def progress(self, done: int, total: int) -> None:
        self.times.append(time.monotonic())


def turn(way: str, data: Path, store: Path, args: argparse.Namespace) -> None:
    """One extraction in this process; prints the seconds from the first end to the last."""
    ends = Ends()
    extract_dataset(
        data,
        recipe=args.recipe,
        layout="folder",
        resources=Resources(weights=args.weights, features=store),
        events=ends,
        cluster="local" if way == "ray" else None,
    )
    print(json.dumps(ends.times[-1] - ends.times[0]))


def chosen(clips: Path, count: int, folder: Path) -> Path:
    """A folder of two classes with links to the first clips of a set."""
    suffixes = {".avi", ".mp4", ".mpg", ".mkv", ".webm"}
    found = sorted(p for p in clips.rglob("*") if p.suffix.lower() in suffixes)
    for number, path in enumerate(found[:: max(1, len(found) // count)][:count]):
        link = folder / "ab"[number % 2] / path.name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path.resolve())
    return folder


def content(store: Path) -> dict[Path, bytes]:
    """What a store holds, but for what it remembers of videos in the order in which they were read."""
    files = (p for p in store.rglob("*") if p.is_file() and p.name != DIGESTS)
    return {p.relative_to(store): p.read_bytes() for p in files}


def main() -> None:
    """Measure by turns and print medians and ranges."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", type=Path)
    parser.add_argument("--recipe", default="lite")
    parser.add_argument("--weights", default="none")
    parser.add_argument("--clips", dest="count", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--turn", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--store", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.turn:
        turn(args.turn, args.clips, args.store, args)
        return
    pace: dict[str, list[float]] = {way: [] for way in WAYS}
    whole: dict[str, list[float]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as temporary:
        data = chosen(args.clips, args.count, Path(temporary) / "data")
        stores = {way: Path(temporary) / way for way in WAYS}
        for _ in range(args.rounds):
            for way, store in stores.items():
                shutil.rmtree(store, ignore_errors=True)
                command = [sys.executable, __file__, str(data), "--turn", way, "--store", str(store)]
                command += ["--recipe", args.recipe, "--weights", args.weights]
                started = time.monotonic()
                done = subprocess.run(command, env=os.environ, check=True, stdout=subprocess.PIPE, text=True)
                whole[way].append(time.monotonic() - started)
                pace[way].append(float(done.stdout.splitlines()[-1]))
        equal = content(stores["alone"]) == content(stores["ray"])
        print(f"{args.count} clips, {args.recipe}, {args.rounds} rounds; stores equal: {equal}")
    for name, found in (("pace", pace), ("whole", whole)):
        cells = [f"{w} {statistics.median(s):.1f} ({min(s):.1f}–{max(s):.1f}) s" for w, s in found.items()]
        ratios = [ray / alone for alone, ray in zip(found["alone"], found["ray"], strict=True)]
        ratio = f"{statistics.median(ratios):.3f} ({min(ratios):.3f}–{max(ratios):.3f})"
        print(f"{name:6} {'   '.join(cells)}   ratio {ratio}")


if __name__ == "__main__":
    main()
