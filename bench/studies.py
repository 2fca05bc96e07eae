"""Does every study run to its end? Each with `--quick`, one after the other; a table of what came out.

    make studies-quick
    PYTHONPATH=tests python bench/studies.py [STUDY ...] [--out DIR] [--jobs N]

Eighteen clips of one second, made here, in UCF101's layout with its three lists; random weights. The studies
share one feature store, so what one has extracted is there for the next. `--out` keeps them, and does not run
a finished one again. Minutes are those of the clock, and of all processors together.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from kinema.studies.load import load_study, study_names
from support.splits import make_listed

# KTH's people are in no other data.
OTHER_PROTOCOL = {"vgg16-lstm-figure-4": "protocol.kind=official_splits"}


def run(name: str, data: Path, out: Path, jobs: str) -> dict[str, Any]:
    """What `kinema study NAME --quick --json` prints, and how long it took."""
    words = [sys.executable, "-m", "kinema", "study", name, data, "--layout", "ucf101", "--quick", "--json"]
    words += ["--out", out / name, "--features", out / "features", "--weights", "none", "--device", "cpu"]
    words += ["--jobs", jobs, *(["--set", OTHER_PROTOCOL[name]] if name in OTHER_PROTOCOL else [])]
    record = out / f"{name}.json"
    if record.exists():
        return json.loads(record.read_text(encoding="utf-8"))
    started, before = time.monotonic(), processor_seconds()
    ended = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, check=False)
    if ended.returncode:
        sys.exit(f"study {name} ended with {ended.returncode}; its cells are in {out / name}")
    took = {"seconds": time.monotonic() - started, "processor_seconds": processor_seconds() - before}
    facts = json.loads(ended.stdout) | took
    record.write_text(json.dumps(facts), encoding="utf-8")
    return facts


def processor_seconds() -> float:
    """Of all processes that have ended below this one."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def line(facts: dict[str, Any]) -> str:
    """The table's line of one study."""
    cells = facts["cells"]
    failed = sum(cell["state"] != "done" for cell in cells)
    accuracies = [row["values"]["accuracy"]["mean"] for row in facts["rows"]]
    low, high = min(accuracies), max(accuracies)
    values = [
        f"`{facts['study']}`",
        len(facts["rows"]),
        f"{len(cells)}, {failed} failed" if failed else len(cells),
        f"{facts['seconds'] / 60:.1f}",
        f"{facts['processor_seconds'] / 60:.1f}",
        f"{low:.0f}" if low == high else f"{low:.0f} to {high:.0f}",
        ", ".join(dict.fromkeys(figure.kind for figure in load_study(facts["study"]).figures)),
    ]
    return f"| {' | '.join(map(str, values))} |"


def main() -> None:
    """Run, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("studies", nargs="*", metavar="STUDY", default=study_names())
    parser.add_argument("--out", type=Path, help="folder to keep (default: a passing one)")
    parser.add_argument("--jobs", default="auto", help="cells side by side, or auto")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kinema-studies-") as passing:
        out = args.out or Path(passing)
        data = out / "ucf101"
        if not data.exists():
            make_listed(data)
        lines = [line(run(name, data, out, args.jobs)) for name in args.studies]
    print(f"{len(os.sched_getaffinity(0))} cores")
    print("| study | rows | cells | minutes | processor minutes | accuracy, % | figures |")
    print("|---|---|---|---|---|---|---|")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
