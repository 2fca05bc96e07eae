"""Damaged videos, runs and stores through the command line: features or a reason for each, and no traceback.

    python bench/fuzz.py [--count N] [--seed N] [--out DIR] [--only videos|runs]

`--count` mutants (1,000) are made of short valid videos in twelve containers: synthetic clips, and clips of
KINEMA_TEST_DATA where it is set. Bits are flipped, blocks zeroed, repeated, dropped and swapped, files cut,
headers spliced and set to extremes, stamps moved, endings changed; some files are empty, noise or text. The
same seed gives the same mutants. `scan`, `extract` and `predict` then run over all of them, by a recipe with
sound and one with flow, both of small networks with random values. After that come damaged runs, stores and
files of embeddings.

Ends with status 1 after a traceback, a hang, a file without features or reason, a control character in what
is printed, more memory than `verbs.MEMORY_BOUND`, or a hostile run that is not refused as it should be.
A worker process that is killed by its decoder is counted and no fault: its file has that reason.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from fuzzing import hostile, verbs
from fuzzing.mutants import mutants
from fuzzing.originals import originals
from fuzzing.process import kinema

_RGB = {"input": "rgb", "sampling": {"kind": "windows", "length": 3, "stride": 6}, "backbone": "small_cnn"}
_SOUND = {"input": "audio", "backbone": "yamnet"}
_FLOW = {
    "input": "flow",
    "method": "tvl1",
    "sampling": {"kind": "jump", "every": 5},
    "stack": 3,
    "backbone": "small_flow_cnn",
}
RECIPES: dict[str, dict[str, Any]] = {"sound": {"rgb": _RGB, "audio": _SOUND}, "flow": {"flow": _FLOW}}
# Names with what a terminal obeys, what is no UTF-8, and what a shell or a console's markup would take apart.
NAMES = (
    "\x1b[31mred",
    "two\nlines",
    "bell\a",
    "\udcff\udcfe",
    "[bold]x[dim]",
    "%s %d",
    "\x9b2J",
    "\u202egnp",
)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="keep mutants and runs here")
    parser.add_argument("--only", choices=("videos", "runs"))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (args.out or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        return fuzz(folder, args)


def fuzz(folder: Path, args: argparse.Namespace) -> int:
    """Everything; the number of faults decides the status."""
    started = time.monotonic()
    data = os.environ.get("KINEMA_TEST_DATA")
    found = Path(data) / "data" if data and (Path(data) / "data").is_dir() else None
    files = originals(folder / "synthetic", found)
    runs = {name: train(folder, name, streams) for name, streams in RECIPES.items()}
    faults: list[str] = []
    if args.only != "runs":
        videos = write(folder / "mutants", mutants(files, args.count, args.seed))
        outcomes = over_videos(folder, videos, runs)
        show(outcomes)
        faults += [fault for outcome in outcomes for fault in outcome.faults]
        by_kind(videos, outcomes)
    if args.only != "videos":
        cases, wrong = hostile.check(folder, runs["sound"], folder / "features", files)
        print(f"hostile runs, stores and files: {cases} cases, {len(wrong)} not answered as they should be")
        faults += wrong
    print(f"{(time.monotonic() - started) / 60:.1f} minutes")
    for fault in faults:
        print(f"FAULT {fault}", file=sys.stderr)
    return 1 if faults else 0


def train(folder: Path, name: str, streams: dict[str, Any]) -> Path:
    """A run of one epoch on the synthetic clips, and its recipe in a file beside it."""
    recipe = {
        "name": name,
        "streams": {key: {**stream, "weights": "none"} for key, stream in streams.items()},
        "temporal": {"kind": "gru", "units": 8},
        "fusion": {"kind": "concat"} if len(streams) > 1 else None,
        "training": {"epochs": 1, "lr": 0.01},
    }
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(recipe))
    run = folder / f"run-{name}"
    command = ["train", folder / "synthetic" / "annotations.csv", "--recipe", path, "--out", run]
    ended = kinema([*command, "--features", folder / "features", "--weights", "none"], seconds=600)
    if ended.status:
        raise SystemExit(f"cannot train the {name} run:\n{ended.err}")
    return run


def write(folder: Path, made) -> list[Path]:
    """The mutants as files, in two data folders with a class folder for each kind of damage."""
    paths = []
    for number, (kind, suffix, data) in enumerate(made):
        odd = f" {NAMES[number // 53 % len(NAMES)]}" if number % 53 == 0 else ""
        path = folder / f"part{number % 2}" / kind / f"{number:04d}{odd}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        paths.append(path)
    return paths


def over_videos(folder: Path, videos: Sequence[Path], runs: dict[str, Path]) -> list[verbs.Outcome]:
    """Each verb over all mutants."""
    outcomes = [verbs.scan(folder / "mutants", videos)]
    show(outcomes[-1:])
    for name in RECIPES:
        store = folder / f"store-{name}"
        outcomes.append(verbs.extract(name, folder / "mutants", videos, folder / f"{name}.yaml", store))
        show(outcomes[-1:])
        outcomes.append(verbs.predict(name, runs[name], videos))
        show(outcomes[-1:])
    windows = ("--timeline", "--window", "0.8", "--stride", "0.4")
    outcomes.append(verbs.predict("sound --timeline", runs["sound"], videos[::4], windows, chunk=125))
    return outcomes


def show(outcomes: Sequence[verbs.Outcome]) -> None:
    """The table."""
    print(f"{'':24}{'tried':>7}{'features':>10}{'quarantined':>13}{'tracebacks':>12}{'hangs':>7}", end="")
    print(f"{'killed':>8}{'peak MB':>9}{'minutes':>9}")
    for o in outcomes:
        reasons = len(o.said) - o.features
        print(f"{o.name:24}{o.tried:7}{o.features:10}{reasons:13}{o.tracebacks:12}{o.hangs:7}", end="")
        print(f"{o.killed:8}{o.peak >> 20:9}{o.seconds / 60:9.1f}", flush=True)


def by_kind(videos: Sequence[Path], outcomes: Sequence[verbs.Outcome]) -> None:
    """How many mutants of each kind have a reason, by verb."""
    print(f"{'with a reason':24}" + "".join(f"{o.name.replace('predict', 'p.'):>18}" for o in outcomes))
    for kind in sorted({v.parent.name for v in videos}):
        row = []
        for o in outcomes:
            mine = [o.said[str(v)] for v in videos if v.parent.name == kind and str(v) in o.said]
            row.append(f"{sum(r is not None for r in mine)} of {len(mine)}")
        print(f"{kind:24}" + "".join(f"{cell:>18}" for cell in row))


if __name__ == "__main__":
    sys.exit(main())
