"""What is in a bucket: folders as they were listed, objects with what tells one version from the next.

A folder is listed once, with all its pages, and believed until it is forgotten, as when its data set is read
anew: a layout looks at a folder several times. It costs a request for a thousand names.
"""

import hashlib
import os
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from ..urls import as_url
from .system import system, told

# Where so many files of a folder were asked for one by one, listing it is cheaper.
_ONE_BY_ONE = 20
# What tells versions apart, the best first: names that file systems of fsspec use.
_VERSIONS = (
    "ETag",
    "etag",
    "generation",
    "md5Hash",
    "content_md5",
    "mtime",
    "LastModified",
    "last_modified",
    "created",
)
ASKING = 32  # requests at a time


class Mark(NamedTuple):
    """One version of an object: bytes, and a digest of size and ETag, or what the bucket has for that."""

    size: int
    digest: bytes


_Entries = dict[str, Mark | None]  # by name; None is a folder
_folders: dict[str, _Entries | None] = {}
_asked: Counter[str] = Counter()
_lock = threading.Lock()


def entries(folder: PurePath) -> Mapping[str, Mark | None]:
    """What is in a folder by name: objects with their mark, folders with None.

    Raises `FileNotFoundError`, and `BucketError` where the bucket does not answer.
    """
    found = _listed(folder)
    if found is None:
        raise FileNotFoundError(2, os.strerror(2), str(folder))
    return found


def is_folder(path: PurePath) -> bool:
    """Whether objects lie below."""
    above = _folders.get(_name(path.parent))
    if above is not None:
        return path.name in above and above[path.name] is None
    return _listed(path) is not None


def mark(path: PurePath) -> Mark | None:
    """The mark of an object, as its folder was listed, or as it is now; None where there is none."""
    folder = _name(path.parent)
    known = _folders.get(folder)
    if known is None and folder not in _folders:
        with _lock:
            _asked[folder] += 1
        if _asked[folder] <= _ONE_BY_ONE:
            return fresh_mark(path)
        known = _listed(path.parent)
    return None if known is None else known.get(path.name)


def fresh_mark(path: PurePath) -> Mark | None:
    """The mark of an object as it is now; None where there is none."""
    url = as_url(path)
    with told(path):
        try:
            facts = system(path).info(url)
        except FileNotFoundError:
            return None
    return None if facts["type"] == "directory" else mark_of(facts)


def marks(paths: Sequence[Path]) -> dict[Path, Mark]:
    """The marks of those objects that are there, several asked at a time."""
    with ThreadPoolExecutor(ASKING) as pool:
        return {path: found for path, found in zip(paths, pool.map(mark, paths), strict=True) if found}


def prepare(root: PurePath, levels: int = 3) -> None:
    """List a folder and those in it, several at a time, before they are looked at one after the other."""
    folders = [root]
    with ThreadPoolExecutor(ASKING) as pool:
        for _ in range(levels):
            found = list(pool.map(_listed, folders))
            folders = [
                folder / name
                for folder, inside in zip(folders, found, strict=True)
                for name, mark in (inside or {}).items()
                if mark is None
            ]


def forget(path: PurePath) -> None:
    """Ask anew for what lies at and below a path, and beside it."""
    name, above = _name(path), _name(path.parent)
    with _lock:
        for folder in [f for f in _folders if f in (name, above) or f.startswith(name + "/")]:
            del _folders[folder]
        _asked.clear()


def _listed(folder: PurePath) -> _Entries | None:
    name = _name(folder)
    if name not in _folders:
        found = _list(folder)
        with _lock:
            _folders[name] = found
    return _folders[name]


def _list(folder: PurePath) -> _Entries | None:
    url, found = as_url(folder), _Entries()
    with told(folder):
        try:
            rows = system(folder).ls(url, detail=True)
        except (FileNotFoundError, NotADirectoryError):
            return None
    here = system(folder)._strip_protocol(url).rstrip("/")
    for facts in rows:
        whole = facts["name"].rstrip("/")
        name = whole.rpartition("/")[2]
        if whole == here and facts["type"] != "directory" and not facts["name"].endswith("/"):
            return None  # the object itself, which is no folder
        if whole != here and name:
            found[name] = None if facts["type"] == "directory" else mark_of(facts)
    return found or None


def mark_of(facts: Mapping[str, Any]) -> Mark:
    """The mark of an object by what a file system of fsspec says of it."""
    size = int(facts.get("size") or 0)
    version = next((str(facts[key]) for key in _VERSIONS if facts.get(key)), "")
    return Mark(size, hashlib.sha256(f"{size}|{version}".encode()).digest())


def _name(path: PurePath) -> str:
    return os.fspath(path).rstrip("/\\")
