"""A path in a bucket that can be looked at as a folder on disk is: listed, searched, read."""

import fnmatch
import os
import stat as modes
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Self

from ..errors import UsageError
from ..urls import in_bucket, is_url, url_path
from .cache import local
from .listing import entries, is_folder, mark

_File: type[Path] = type(Path())  # PosixPath or WindowsPath


class BucketPath(_File):  # type: ignore[misc,valid-type]
    """The path of an object or of a folder of objects; see `kinema.urls`.

    It equals a plain path of the same name: what it adds is that questions are put to the bucket. Its methods
    raise `BucketError` where that does not answer.
    """

    def exists(self, **options: Any) -> bool:
        return self.is_file() or self.is_dir()

    def is_file(self, **options: Any) -> bool:
        return mark(self) is not None

    def is_dir(self, **options: Any) -> bool:
        return is_folder(self)

    def is_symlink(self) -> bool:
        return False

    def stat(self, **options: Any) -> os.stat_result:
        """Size and kind: an object has no owner, and no times that mean anything here."""
        found = mark(self)
        if found is not None:
            return os.stat_result((modes.S_IFREG | 0o444, 0, 0, 1, 0, 0, found.size, 0, 0, 0))
        if self.is_dir():
            return os.stat_result((modes.S_IFDIR | 0o555, 0, 0, 1, 0, 0, 0, 0, 0, 0))
        raise FileNotFoundError(2, os.strerror(2), str(self))

    def iterdir(self) -> Iterator[Self]:
        for name in entries(self):
            yield self / name

    def glob(self, pattern: str, **options: Any) -> Iterator[Self]:
        """As of a folder on disk, in order of name; `**` alone is any number of folders."""
        first, _, rest = pattern.partition("/")
        if first == "**":
            folders = [self, *(path for path in self._below() if path.is_dir())]
            for folder in folders:
                yield from folder.glob(rest or "*")
            return
        for path in sorted(self.iterdir()) if self.is_dir() else ():
            if fnmatch.fnmatchcase(path.name, first):
                if not rest:
                    yield path
                elif path.is_dir():
                    yield from path.glob(rest)

    def _below(self) -> Iterator[Self]:
        for path in sorted(self.iterdir()):
            yield path
            if path.is_dir():
                yield from path._below()

    def rglob(self, pattern: str, **options: Any) -> Iterator[Self]:
        yield from self.glob(f"**/{pattern}")

    def open(self, mode: str = "r", *args: Any, **options: Any) -> IO[Any]:  # type: ignore[override]
        """The object, fetched into the cache, for reading."""
        if set(mode) & set("wax+"):
            raise OSError(f"{self} is written as a whole; see kinema.buckets.out")
        return open(local(self), mode, *args, **options)

    def read_bytes(self) -> bytes:
        with self.open("rb") as file:
            return file.read()

    def read_text(self, encoding: str | None = None, errors: str | None = None, **options: Any) -> str:
        with self.open(encoding=encoding, errors=errors, **options) as file:
            return file.read()

    def absolute(self) -> Self:
        return self

    def resolve(self, strict: bool = False) -> Self:
        return self

    def expanduser(self) -> Self:
        return self


def as_path(given: str | os.PathLike[str]) -> Path:
    """What a user named: a URL, or a path as it is; `file://` is a path on this machine.

    A URL that has been made a path before (`s3:/bucket/key`) is one still.
    """
    text = os.fspath(given)
    if text.startswith("file:/"):
        return Path("/" + text.removeprefix("file:").lstrip("/"))
    if is_url(text):
        return BucketPath(url_path(text))
    if in_bucket(text):
        return BucketPath(text)
    return Path(given)


def on_disk(given: str | os.PathLike[str], why: str) -> Path:
    """A path of this machine. Raises `UsageError` for one in a bucket, with the reason why it may not be."""
    path = as_path(given)
    if in_bucket(path):
        raise UsageError(f"{path} is in a bucket; {why}")
    return path
