"""The verbs over folders of damaged videos, and what became of each file."""

from __future__ import annotations

import csv
import json
import re
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from kinema.keys import video_key
from kinema.media.container import content_digest
from kinema.types import VideoRecord

from .process import Ended, kinema

# A verb's processes together, here at most two workers or two predictions: torch alone is 0.5 GB of each.
MEMORY_BOUND = 4 << 30
_START_SECONDS, _FILE_SECONDS = 120.0, 2.0
_KILLED = re.compile(r"decoder crashed \((.*)\)")


@dataclass(slots=True)
class Outcome:
    """One row of the table. `said` holds a reason for each file, or None for features or scores."""

    name: str
    tried: int
    said: dict[str, str | None] = field(default_factory=dict)
    tracebacks: int = 0
    hangs: int = 0
    killed: int = 0
    raw: int = 0
    peak: int = 0
    seconds: float = 0.0
    complaints: list[str] = field(default_factory=list)

    @property
    def features(self) -> int:
        """Files with features or scores."""
        return sum(reason is None for reason in self.said.values())

    @property
    def faults(self) -> list[str]:
        """What must never happen, in words."""
        counts = {
            "tracebacks": self.tracebacks,
            "hangs": self.hangs,
            "processes that printed control characters": self.raw,
            "files without features or reason": self.tried - len(self.said),
            "bytes above the bound of memory": max(0, self.peak - MEMORY_BOUND),
        }
        return [f"{self.name}: {n} {what}" for what, n in counts.items() if n] + self.complaints

    def count(self, ended: Ended, what: str) -> None:
        """Add what one process did."""
        self.tracebacks += ended.tracebacks
        self.raw += ended.raw
        self.peak = max(self.peak, ended.peak)
        self.hangs += ended.status is None
        self.killed += ended.status is not None and ended.status < 0
        if ended.tracebacks or ended.status is None or ended.status < 0:
            self.complaints.append(f"{what}: status {ended.status}: {ended.err.strip()[-1500:]}")


def scan(folder: Path, files: Sequence[Path]) -> Outcome:
    """`kinema scan`: broken and damaged files have reasons, the others are counted as whole."""
    outcome = Outcome("scan", len(files))
    started = time.monotonic()
    for part in sorted(folder.iterdir()):
        mine = [f for f in files if part in f.parents]
        ended = kinema(["scan", part, "--json"], seconds=_START_SECONDS + _FILE_SECONDS * len(mine))
        outcome.count(ended, f"scan {part.name}")
        report = _json(ended.out)
        if report:
            found = dict([*report["broken"], *report["damaged"]])
            names = {f.relative_to(part).as_posix(): f for f in mine}
            if report["files"] == len(mine):
                outcome.said |= {str(file): found.get(name) for name, file in names.items()}
    outcome.seconds = time.monotonic() - started
    return outcome


def extract(name: str, folder: Path, files: Sequence[Path], recipe: Path, store: Path) -> Outcome:
    """`kinema extract`: each file has its sequences in the store or a line in quarantine.csv."""
    outcome = Outcome(f"extract {name}", len(files))
    started = time.monotonic()
    for part in sorted(folder.iterdir()):
        command = ["extract", part, "--recipe", recipe, "--features", store, "--workers", "2", "--json"]
        mine = [f for f in files if part in f.parents]
        ended = kinema(command, seconds=_START_SECONDS + _FILE_SECONDS * len(mine))
        outcome.count(ended, f"extract {name} {part.name}")
        report = _json(ended.out)
        shelves = [
            store / f"{stream}-{counts['fingerprint'][:16]}"
            for stream, counts in (report["streams"].items() if report else ())
        ]
        reasons = _quarantined(store)
        for file in mine:
            reason = reasons.get(str(file))
            if reason is not None or (shelves and all(_has(shelf, file) for shelf in shelves)):
                outcome.said[str(file)] = reason
    causes = [_KILLED.search(reason or "") for reason in outcome.said.values()]
    outcome.killed += sum(c is not None and c[1].startswith("signal") for c in causes)
    outcome.hangs += sum("decoder hung" in (reason or "") for reason in outcome.said.values())
    outcome.seconds = time.monotonic() - started
    return outcome


def _quarantined(store: Path) -> Mapping[str, str]:
    path = store / "quarantine.csv"
    if not path.exists():
        return {}
    with open(path, newline="", encoding="utf-8", errors="surrogateescape") as file:
        return {row["path"]: row["reason"] for row in csv.DictReader(file)}


def _has(shelf: Path, file: Path) -> bool:
    key = video_key(content_digest(file), VideoRecord(file))
    return (shelf / key[:2] / f"{key}.safetensors").exists()


def predict(
    name: str, run: Path, files: Sequence[Path], options: Sequence[str] = (), *, chunk: int = 500
) -> Outcome:
    """`kinema predict`, many files a process, two processes at a time; one that dies is tried in halves."""
    outcome = Outcome(f"predict {name}", len(files))
    started = time.monotonic()
    command = ["predict", run, "--weights", "none", "--json", *options]

    def work(some: Sequence[Path]) -> None:
        ended = kinema([*command, "--", *some], seconds=_START_SECONDS + _FILE_SECONDS * len(some))
        results = _json(ended.out)
        if results is not None:
            outcome.count(ended, f"predict {name}")
            outcome.said |= {str(f): r.get("error") for f, r in zip(some, results, strict=True)}
        elif len(some) > 1:
            work(some[: len(some) // 2])
            work(some[len(some) // 2 :])
        else:
            outcome.count(ended, f"predict {name} {some[0]}")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, [files[i : i + chunk] for i in range(0, len(files), chunk)]))
    outcome.peak *= 2
    outcome.seconds = time.monotonic() - started
    return outcome


def _json(text: str):
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return None
