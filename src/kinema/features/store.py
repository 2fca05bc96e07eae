"""The feature store: one file per video and stream, under the stream's fingerprint.

    FEATURES/<stream>-<fingerprint>/stream.json         what was computed, in words
    FEATURES/<stream>-<fingerprint>/<k>/<key>.safetensors
    FEATURES/quarantine.csv                             files that could not be read, with the reason

Files appear whole or not at all, so any number of processes may fill one store, and any of them may be
killed at any moment. What a file holds depends on the video and the settings alone.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..atomic import abandoned, temporary_name, write_text
from ..errors import UsageError
from ..keys import fingerprint
from .quarantine import Quarantine, writing
from .sequence_file import SequenceWriter


def default_features() -> Path:
    """Where features go unless told otherwise: `KINEMA_FEATURES`, else the user's cache folder."""
    if chosen := os.environ.get("KINEMA_FEATURES"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "kinema", "features")


class FeatureStore:
    """A folder of feature sequences, made if absent. Raises `UsageError` where it cannot be written to."""

    def __init__(self, root: str | Path):
        self.root = Path(root)
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            probe = temporary_name(self.root / "probe")
            probe.touch(exist_ok=False)
            probe.unlink(missing_ok=True)
        except OSError as error:
            raise UsageError(
                f"cannot write features to {self.root} ({error.strerror}); choose another with --features"
            ) from None
        self.quarantine = Quarantine(self.root / "quarantine.csv")
        self._sweep()

    def shelf(self, stream: str, settings: Mapping[str, Any]) -> "Shelf":
        """The part of the store for one stream with exactly these settings."""
        return Shelf(self.root, stream, settings)

    def _sweep(self) -> None:
        """Remove temporary files whose writer is gone: a dead process of this host, or a day old."""
        for pattern in (".*.tmp", "*/.*.tmp", "*/*/.*.tmp"):
            for path in self.root.glob(pattern):
                # What another process sweeps at the same time, or another user owns, is not ours to mind.
                with suppress(OSError):
                    if abandoned(path):
                        path.unlink(missing_ok=True)


class Shelf:
    """All feature sequences of one stream, one file per video key."""

    def __init__(self, root: Path, stream: str, settings: Mapping[str, Any]):
        self.fingerprint = fingerprint(settings)
        self.stream = stream
        self.folder = root / f"{stream}-{self.fingerprint[:16]}"
        note = self.folder / "stream.json"
        if note.exists():
            return
        text = json.dumps({"fingerprint": self.fingerprint, **settings}, indent=2, sort_keys=True)
        with writing(note):
            write_text(note, text + "\n")

    def path(self, key: str) -> Path:
        """Where the sequence of this key is, or will be."""
        return self.folder / key[:2] / f"{key}.safetensors"

    def __contains__(self, key: str) -> bool:
        return os.path.exists(f"{self.folder}/{key[:2]}/{key}.safetensors")

    def writer(self, key: str, dim: int) -> SequenceWriter:
        """A writer whose `commit` puts the sequence into the store."""
        return SequenceWriter(self.path(key), dim)
