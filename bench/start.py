"""Cold starts: seconds from nothing to the first answer of `kinema --help`, `recipes` and `predict`.

    python bench/start.py [RUN CLIP] [--against COMMIT] [--rounds 5]

Each is a process of its own, with bytecode and files in the system's cache. Wall and processor seconds; the
latter, in all threads, are nearly the same beside other work. `import torch` by itself is the floor of what
predicts. With --against, the code of another commit answers in turns with this one. RUN needs
its weights in `KINEMA_WEIGHTS` or torch hub's cache.
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TORCH = "import torch"


def seconds(arguments: list[str], source: Path, bytecode: str) -> tuple[float, float]:
    """One process, from its start to its end: by the wall's clock and the processor's."""
    settings = {"PYTHONPATH": str(source), "PYTHONPYCACHEPREFIX": bytecode, "KINEMA_OFFLINE": "1"}
    environment = os.environ | settings
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    started, before = time.perf_counter(), os.times()
    subprocess.run([sys.executable, *arguments], env=environment, check=True, stdout=subprocess.DEVNULL)
    ended, after = time.perf_counter(), os.times()
    processor = after.children_user + after.children_system - before.children_user - before.children_system
    return ended - started, processor


def sources(commit: str | None, folder: Path) -> dict[str, Path]:
    """This code and, where it is asked for, that of another commit, unpacked into `folder`."""
    if commit is None:
        return {"here": ROOT / "src"}
    packed = subprocess.run(["git", "archive", commit, "src"], cwd=ROOT, check=True, capture_output=True)
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return {commit: folder / "src", "here": ROOT / "src"}


def main() -> None:
    """Measure by turns and print medians."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", nargs="?", help="a trained run")
    parser.add_argument("clip", nargs="?", help="a short video")
    parser.add_argument("--against", metavar="COMMIT")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    cases = {"--help": ["-m", "kinema", "--help"], "recipes": ["-m", "kinema", "recipes"]}
    if args.run and args.clip:
        cases["predict"] = ["-m", "kinema", "predict", args.run, args.clip]
    cases[TORCH] = ["-c", "import torch"]
    with tempfile.TemporaryDirectory() as temporary:
        found = sources(args.against, Path(temporary))
        pairs = [(case, source) for case in cases for source in found if case != TORCH or source == "here"]
        took: dict[tuple[str, str], list[tuple[float, float]]] = {pair: [] for pair in pairs}
        for number in range(args.rounds + 1):
            for case, source in took:
                value = seconds(cases[case], found[source], f"{temporary}/bytecode")
                if number:  # the first round writes bytecode and fills the caches
                    took[case, source].append(value)
    for number, clock in enumerate(("wall", "processor")):
        print(f"{clock:14}" + "".join(f"{source:>24}" for source in found) + f"{'ratio':>8}")
        for case in cases:
            sides = [[pair[number] for pair in took.get((case, source), [])] for source in found]
            cells = [f"{statistics.median(s):.2f} ({min(s):.2f}–{max(s):.2f}) s" if s else "" for s in sides]
            ratio = f"{statistics.median(sides[0]) / statistics.median(sides[-1]):8.2f}" if sides[0] else ""
            print(f"{case:14}" + "".join(f"{cell:>24}" for cell in cells) + ratio)


if __name__ == "__main__":
    main()
