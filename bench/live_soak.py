"""`kinema live` on a looped file for minutes, on one core: what is dropped, how late decisions are, memory.

    python bench/live_soak.py RUN CLIP [--seconds 600] [--core 0] [--nice 0 | --realtime]

The program runs as a process of its own that is bound to one core; every ten seconds its memory is noted. It
is ended as Ctrl-C does, and its own summary is printed with the memory after one minute and at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

EVERY_SECONDS = 10.0
SETTLED_SECONDS = 60.0


def soak(args: argparse.Namespace) -> dict[str, Any]:
    """One run of the program: its memory in MB by seconds, its processor time, and what it said."""

    def bind() -> None:
        os.sched_setaffinity(0, {args.core})
        os.nice(args.nice)
        if args.realtime:
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(10))

    command = [sys.executable, "-m", "kinema.cli.app", "live", args.run, args.clip, "--loop", "--json"]
    with tempfile.TemporaryDirectory() as folder, (args.lines or Path(folder) / "lines").open("w") as out:
        process = subprocess.Popen(
            [str(c) for c in command], preexec_fn=bind, stdout=out, stderr=subprocess.PIPE, text=True
        )
        assert process.stderr is not None
        while not Path(out.name).stat().st_size and process.poll() is None:
            time.sleep(0.1)
        watched, began, memory = psutil.Process(process.pid), time.monotonic(), {}
        before = watched.cpu_times()
        while (elapsed := time.monotonic() - began) < args.seconds:
            memory[round(elapsed)] = watched.memory_info().rss / 1e6
            time.sleep(min(EVERY_SECONDS, args.seconds - elapsed))
        after = watched.cpu_times()
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[1]
    busy = after.user + after.system - before.user - before.system
    return {"said": said, "memory_mb": memory, "processor_share": busy / args.seconds}


def main() -> None:
    """Run, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--nice", type=int, default=0)
    parser.add_argument("--realtime", action="store_true", help="the core is its own, whatever else runs")
    parser.add_argument("--lines", type=Path, help="keep what the program prints")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    found = soak(args)
    settled = {s: mb for s, mb in found["memory_mb"].items() if s >= SETTLED_SECONDS} or found["memory_mb"]
    print(found["said"])
    first, last = next(iter(settled.values())), list(settled.values())[-1]
    print(
        f"memory {first:.0f} MB after {min(settled)} s, {last:.0f} MB after {max(settled)} s, "
        f"at most {max(settled.values()):.0f} MB; {found['processor_share']:.0%} of one core"
    )
    if args.json:
        args.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
