"""The feature store: one file per video and stream, under the stream's fingerprint.

    FEATURES/<stream>-<fingerprint>/stream.json         what was computed, in words
    FEATURES/<stream>-<fingerprint>/<k>/<key>.safetensors
    FEATURES/quarantine.csv                             files that could not be read, with the reason

Files appear whole or not at all, so any number of processes may fill one store, and any of them may be
killed at any moment. What a file holds depends on the video and the settings alone.
"""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from ..atomic import atomic_open, host_name, temporary_name, write_text
from ..errors import UsageError
from ..types import FeatureSequence
from .fingerprint import fingerprint
from .sequence_file import SequenceWriter, read_sequence

QUARANTINE_FIELDS = ("file_name", "part", "stream", "reason")
_STALE_SECONDS = 24 * 3600.0


class FeatureStore:
    """A folder of feature sequences. Creating the object creates the folder."""

    def __init__(self, root: str | Path):
        self.root = Path(root)
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            probe = temporary_name(self.root / "probe")
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise UsageError(
                f"cannot write features to {self.root} ({error.strerror}); choose another with --features"
            ) from None
        self._sweep()

    def shelf(self, stream: str, settings: Mapping[str, Any]) -> Shelf:
        """The part of the store for one stream with exactly these settings."""
        return Shelf(self.root, stream, settings)

    def quarantine(self, rows: list[tuple[str, str, str, str]], seen: set[tuple[str, str, str]]) -> None:
        """Record failures as (file_name, part, stream, reason); rows of `seen` items are replaced."""
        path = self.root / "quarantine.csv"
        kept = [row for row in self.quarantined() if row[:3] not in seen]
        merged = sorted({*kept, *rows})
        if not merged:
            path.unlink(missing_ok=True)
            return
        with atomic_open(path, newline="") as file:
            writer = csv.writer(file)
            writer.writerow(QUARANTINE_FIELDS)
            writer.writerows(merged)

    def quarantined(self) -> list[tuple[str, str, str, str]]:
        """The rows of quarantine.csv."""
        path = self.root / "quarantine.csv"
        if not path.exists():
            return []
        with open(path, newline="", encoding="utf-8") as file:
            return [(r[0], r[1], r[2], r[3]) for r in list(csv.reader(file))[1:]]

    def _sweep(self) -> None:
        """Remove temporary files whose writer is gone: a dead process of this host, or a day old."""
        for path in self.root.rglob(".*.tmp"):
            host, pid = path.name.split(".")[-3:-1]
            try:
                old = time.time() - path.stat().st_mtime > _STALE_SECONDS
                dead = host == host_name() and not psutil.pid_exists(int(pid))
                if old or dead:
                    path.unlink(missing_ok=True)
            except FileNotFoundError:
                continue  # another process was faster


class Shelf:
    """All feature sequences of one stream, one file per video key."""

    def __init__(self, root: Path, stream: str, settings: Mapping[str, Any]):
        self.fingerprint = fingerprint(settings)
        self.stream = stream
        self.folder = root / f"{stream}-{self.fingerprint[:16]}"
        self._describe(settings)

    def path(self, key: str) -> Path:
        """Where the sequence of this key is, or will be."""
        return self.folder / key[:2] / f"{key}.safetensors"

    def __contains__(self, key: str) -> bool:
        return self.path(key).exists()

    def writer(self, key: str, dim: int) -> SequenceWriter:
        """A writer whose `commit` puts the sequence into the store."""
        return SequenceWriter(self.path(key), dim)

    def read(self, key: str) -> FeatureSequence:
        """The sequence of this key. Raises `WorkError` where the file is damaged."""
        return read_sequence(self.path(key))

    def _describe(self, settings: Mapping[str, Any]) -> None:
        path = self.folder / "stream.json"
        if path.exists():
            return
        write_text(
            path, json.dumps({"fingerprint": self.fingerprint, **settings}, indent=2, sort_keys=True) + "\n"
        )
