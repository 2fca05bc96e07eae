"""The feature store: one file per video and stream, under the stream's fingerprint.

    FEATURES/<stream>-<fingerprint>/stream.json         what was computed, in words
    FEATURES/<stream>-<fingerprint>/<k>/<key>.safetensors
    FEATURES/<stream>-<fingerprint>/shards/<name>.arrow the same, when they are many
    FEATURES/quarantine.csv                             files that could not be read, with the reason

Files appear whole or not at all, so any number of processes may fill one store, and any of them may be
killed at any moment. What a file holds depends on the video and the settings alone.

A store in a bucket has shards alone, `URL/<stream>-<fingerprint>/<name>.arrow`. What is not packed yet, and
what is remembered, lies in a folder of this machine, which is `root` then.
"""

import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..atomic import abandoned, temporary_name, write_text
from ..buckets import as_path
from ..buckets.cache import fetched
from ..buckets.folder import remove, send_file
from ..buckets.out import check_bucket
from ..buckets.place import work_place
from ..errors import UsageError
from ..keys import fingerprint
from ..types import FeatureSequence
from ..urls import as_url, in_bucket
from . import digests
from .packing import Packing, file_of, name_of
from .quarantine import Quarantine, writing
from .sequence_file import SequenceWriter
from .shards import ORIGIN, shards_of

QUARANTINE = "quarantine.csv"
NOTES = (QUARANTINE, digests.FILE)
_SENT = "sent.json"  # in the folder of this machine


def default_features() -> Path:
    """Where features go unless told otherwise: `KINEMA_FEATURES`, else the user's cache folder."""
    if chosen := os.environ.get("KINEMA_FEATURES"):
        return as_path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "kinema", "features")


class FeatureStore:
    """A folder of feature sequences, made if absent, or a URL.

    `origin` is what the user named, `root` the folder of this machine. Raises `UsageError` where it cannot be
    written to.
    """

    def __init__(self, root: str | Path):
        self.origin = as_path(root)
        self.root = self.origin
        if self.in_bucket:
            check_bucket(self.origin)
            self.root = work_place(self.origin)
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            probe = temporary_name(self.root / "probe")
            probe.touch(exist_ok=False)
            probe.unlink(missing_ok=True)
        except OSError as error:
            raise UsageError(
                f"cannot write features to {self.root} ({error.strerror}); choose another with --features"
            ) from None
        self.quarantine = Quarantine(self.root / QUARANTINE)
        self._sweep()
        self._fetch_notes()

    @property
    def in_bucket(self) -> bool:
        """Whether the features are kept in a bucket."""
        return in_bucket(self.origin)

    def shelf(self, stream: str, settings: Mapping[str, Any]) -> "Shelf":
        """The part of the store for one stream with exactly these settings."""
        shelf = Shelf(self.root, stream, settings)
        if self.in_bucket:
            shelf.keep_in(self.origin / shelf.folder.name)
        return shelf

    def settle(self) -> None:
        """Send what is remembered of files, of a store in a bucket, so that another machine knows it too."""
        if not self.in_bucket:
            return
        sent = self._sent()
        for name in NOTES:
            file = self.root / name
            written = file.stat().st_mtime_ns if file.exists() else None
            if written is None and name in sent:
                remove(self.origin / name)
            elif written is not None and sent.get(name) != written:
                send_file(file, self.origin / name)
            sent[name] = written
        write_text(self.root / _SENT, json.dumps({name: time for name, time in sent.items() if time}))

    def _sent(self) -> dict[str, int | None]:
        """When the notes were written that are in the bucket."""
        try:
            found: dict[str, int | None] = json.loads((self.root / _SENT).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found

    def _fetch_notes(self) -> None:
        if not self.in_bucket or (self.root / _SENT).exists():
            return
        sent = {}
        for name in NOTES:
            with suppress(FileNotFoundError):
                shutil.copyfile(fetched(self.origin / name).path, self.root / name)
                sent[name] = (self.root / name).stat().st_mtime_ns
        write_text(self.root / _SENT, json.dumps(sent))

    def _sweep(self) -> None:
        """Remove temporary files whose writer is gone: a dead process of this host, or a day old."""
        for pattern in (".*.tmp", "*/.*.tmp", "*/*/.*.tmp"):
            for path in self.root.glob(pattern):
                # What another process sweeps at the same time, or another user owns, is not ours to mind.
                with suppress(OSError):
                    if abandoned(path):
                        path.unlink(missing_ok=True)


class Shelf:
    """All feature sequences of one stream, one per video key: a file, or a row of a shard."""

    def __init__(self, root: Path, stream: str, settings: Mapping[str, Any]):
        self.fingerprint = fingerprint(settings)
        self.stream = stream
        self.folder = root / f"{stream}-{self.fingerprint[:16]}"
        self._packing = Packing(self.folder)
        note = self.folder / "stream.json"
        if note.exists():
            return
        text = json.dumps({"fingerprint": self.fingerprint, **settings}, indent=2, sort_keys=True)
        with writing(note):
            write_text(note, text + "\n")

    def keep_in(self, origin: Path) -> None:
        """Keep the shards at a URL."""
        note = self.folder / ORIGIN
        text = json.dumps({"url": as_url(origin)})
        if not note.exists():
            with writing(note):
                write_text(note, text)
            send_file(self.folder / "stream.json", origin / "stream.json")

    def path(self, key: str) -> Path:
        """What the sequence of this key is called; `kinema.features.stored` reads it, wherever it is."""
        return file_of(self.folder, key)

    def __contains__(self, key: str) -> bool:
        if os.path.exists(name_of(self.folder, key)):
            return True
        return shards_of(self.folder).find(key) is not None

    def writer(self, key: str, dim: int) -> SequenceWriter:
        """A writer whose `commit` puts the sequence into the store."""
        return SequenceWriter(self.path(key), dim)

    def put(self, key: str, sequence: FeatureSequence) -> None:
        """Put a whole sequence into the store."""
        writer = self.writer(key, sequence.data.shape[1])
        writer.append(sequence.data, sequence.pts_seconds.tolist())
        writer.commit()
        self.stored(writer.size)

    def stored(self, size: int) -> None:
        """A sequence of so many bytes was put into it: see `Packing.stored`."""
        self._packing.stored(size)

    def finish(self) -> None:
        """Pack what is to be packed. Raises `WorkError`."""
        self._packing.finish()

    def damaged(self) -> list[str]:
        """What is to be said of shards that cannot be read."""
        found = shards_of(self.folder)
        found.look_again()
        return [
            f"shard {found.place(name)} is damaged ({why}): it is left out, and what it held is computed"
            " anew; delete it"
            for name, why in sorted(found.damaged.items())
        ]
