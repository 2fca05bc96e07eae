"""Content digests of video files, remembered in the store: a file is read again only where it changed.

    FEATURES/digests.sqlite     path -> inode, size, times of modification and of change; digest

A file is the one that was read if all of these are what they were. The time of change is the system's own:
who writes to a file, copies or renames another one over it, moves it on, and no call sets it back. The device
is left out, as git leaves it out: a network file system has another number after every mount.

An object in a bucket is the one that was read if its size and its ETag (or what the bucket has in its place)
are what they were; it is fetched to be read, and so a second extraction fetches nothing.

A file whose times are not well before the moment at which it was read is not remembered: it could change
again within one tick of the file system's clock (git calls such files racily clean).
"""

import os
import struct
import time
from collections.abc import Sequence
from pathlib import Path

from ..buckets.cache import fetched
from ..buckets.listing import fresh_mark, marks
from ..errors import MediaError
from ..media.container import content_digest, reason, shown
from ..urls import in_bucket
from .digest_table import DigestTable

FILE = "digests.sqlite"
RACY_NS = 2_000_000_000  # the coarsest clock of a file system in use, FAT's
# Windows says when a file was made, not when it was changed last: there nothing is remembered.
CHANGE_TIME = os.name != "nt"
_READ_AGAIN = 3
_STAMP = struct.Struct("<QQqq")


class Digests:
    """Digests of files by path. `folder` is where they are remembered; None: they are not.

    Any thread may ask. A process that is killed loses what it read in the last seconds.
    """

    def __init__(self, folder: Path | None = None):
        self._table = DigestTable(folder / FILE) if folder is not None and CHANGE_TIME else None

    def known(self, paths: Sequence[Path]) -> dict[Path, str]:
        """The digests of those files that are still what they were when they were read."""
        if self._table is None:
            return {}
        names = {_name(path): path for path in paths}
        rows = self._table.get(list(names))
        away = marks([names[name] for name in rows if in_bucket(names[name])])
        found = {}
        for name, (stamp, digest) in rows.items():
            path = names[name]
            now = away[path].digest if path in away else _stamp(path)
            if stamp == now:
                found[path] = digest.hex()
        return found

    def read(self, path: Path) -> str:
        """SHA-256 of a file's bytes as they are now, in hexadecimal digits; remembered.

        Raises `MediaError` where it cannot be read, or changes all the while.
        """
        if in_bucket(path):
            return self._read_object(path)
        for _ in range(_READ_AGAIN):
            started, before = time.time_ns(), _stamp(path)
            digest = content_digest(path)
            if before is not None and before == _stamp(path):
                if self._table is not None and max(_STAMP.unpack(before)[2:]) < started - RACY_NS:
                    self._table.put(_name(path), before, bytes.fromhex(digest))
                return digest
        raise MediaError(f"{shown(path)} changes while it is read; start again when it is written")

    def _read_object(self, path: Path) -> str:
        try:
            copy = fetched(path)
        except OSError as error:
            raise MediaError(f"{shown(path)} cannot be read ({reason(error)}); check its URL") from error
        digest = content_digest(copy.path)  # a copy is of one version
        if self._table is not None:
            self._table.put(_name(path), copy.mark.digest, bytes.fromhex(digest))
        return digest

    def same(self, path: Path, digest: str) -> bool:
        """Whether a file still has the content of this digest."""
        try:
            if in_bucket(path):
                return self._same_object(path, digest)
            return self.known([path]).get(path) == digest or self.read(path) == digest
        except MediaError:
            return False

    def _same_object(self, path: Path, digest: str) -> bool:
        """As `same`, by how the object is now, whatever was listed."""
        mark = fresh_mark(path)
        if mark is None:
            return False
        known = self._table.get([_name(path)]).get(_name(path)) if self._table is not None else None
        return known == (mark.digest, bytes.fromhex(digest)) or self.read(path) == digest

    def close(self) -> None:
        """Write what is new; asking again is allowed."""
        if self._table is not None:
            self._table.close()


def _stamp(path: Path) -> bytes | None:
    """What tells a file from what it was before; None where it is not there."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    inode = found.st_ino & (1 << 64) - 1
    return _STAMP.pack(inode, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _name(path: Path) -> bytes:
    text = os.fspath(path)
    return os.fsencode(text if os.path.isabs(text) else os.path.abspath(text))
