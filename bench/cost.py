"""What a video costs in each recipe: processor seconds from file to stored features.

    python bench/cost.py DATA [--videos 12] [--recipe NAME ...] [--set KEY=VALUE]

One video of DATA, then `--videos` spread over its classes, are extracted by `kinema extract` in a process of
its own, with random values in place of weights; the difference is the cost, so that starting up is not
counted, nor is compiling a network, which is done once on a machine. On P cores that are otherwise idle a
video takes about that time divided by P.
"""

from __future__ import annotations

import argparse
import csv
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from kinema.datasets import load_dataset
from kinema.recipe import recipe_names
from kinema.types import VideoRecord


def chosen(data: Path, count: int) -> list[VideoRecord]:
    """`count` videos, of one class after the other."""
    by_class: dict[str, list[VideoRecord]] = {}
    for record in load_dataset(data, split=None).records:
        by_class.setdefault(record.label or "", []).append(record)
    found: list[VideoRecord] = []
    while len(found) < count and any(by_class.values()):
        found += [records.pop(0) for records in by_class.values() if records]
    return found[:count]


def processor_seconds(folder: Path, recipe: str, videos: list[VideoRecord], settings: list[str]) -> float:
    """User and system time of one `kinema extract` and its workers."""
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / f"{len(videos)}.csv"
    with open(table, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        # As test videos: augmented versions of training videos cost what they say.
        rows.writerow(("file_name", "label", "split"))
        rows.writerows((v.path, v.label, "test") for v in videos)
    store = folder / f"store-{len(videos)}"
    command = [sys.executable, "-m", "kinema", "extract", table, "--recipe", recipe, "--weights", "none"]
    command += [part for setting in settings for part in ("--set", setting)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = subprocess.run(
        [*map(str, command), "--features", str(store), "--workers", "1", "--device", "cpu"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    if ended.returncode:
        raise SystemExit(ended.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--videos", type=int, default=12)
    parser.add_argument("--recipe", nargs="+", choices=recipe_names(), default=recipe_names())
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="of the recipes")
    args = parser.parse_args()
    videos = chosen(args.data, args.videos)
    print(f"{len(videos)} videos of {args.data.name}, processor seconds a video")
    with tempfile.TemporaryDirectory() as temporary:
        for recipe in args.recipe:
            warm, counted = (Path(temporary) / recipe / part for part in ("warm", "counted"))
            processor_seconds(warm, recipe, videos[:1], args.set)  # networks are compiled once, and kept
            one = processor_seconds(counted, recipe, videos[:1], args.set)
            all_of_them = processor_seconds(counted, recipe, videos, args.set)
            print(f"{recipe:14} {(all_of_them - one) / (len(videos) - 1):7.1f}", flush=True)


if __name__ == "__main__":
    main()
