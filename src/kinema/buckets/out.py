"""What is written to a bucket: made on this disk, at one place for one URL, and sent when it is done.

So what was stopped goes on here when the same command is started again, and a bucket never shows half of a
result.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ..atomic import write_text
from ..errors import UsageError, WorkError
from ..urls import as_url, in_bucket
from .folder import WHOLE, fetch_files, files_below, named_as, remove, send_file, send_files
from .listing import Mark, is_folder
from .path import as_path
from .place import work_place
from .system import PACKAGES, system, told

# Beside a folder that is being made: what was at its URL then, by name [size, time, digest of the version].
_BEGUN = "begun.json"
_LAST = frozenset(WHOLE.values())


@contextmanager
def delivered(given: str | os.PathLike[str]) -> Iterator[Path]:
    """A file to write, sent to its URL when the block ends; a path of this machine is given as it is.

    Raises `UsageError` where it cannot be there, and `BucketError`; the file then waits on this disk.
    """
    path = as_path(given)
    if not in_bucket(path):
        yield path
        return
    if is_folder(path):
        raise UsageError(f"{path} is a folder; name a file")
    check_bucket(path)
    file = _made(work_place(path))
    with named_as(path, file):
        yield file
    send_file(file, path)
    shutil.rmtree(file.parent, ignore_errors=True)


@contextmanager
def delivered_folder(given: str | os.PathLike[str]) -> Iterator[Path]:
    """A folder to write, sent to its URL when the block ends; a path of this machine is given as it is.

    A whole run that is at the URL already is there first. Files that did not change are not sent again, those
    of the run that went are removed, and the one that makes it whole is sent last. Hidden files stay here.
    Raises as `delivered`.
    """
    path = as_path(given)
    if not in_bucket(path):
        yield path
        return
    check_bucket(path)
    folder = _made(work_place(path))
    _begin(folder, path)
    with named_as(path, folder):
        yield folder
    _send(folder, path)
    shutil.rmtree(folder.parent, ignore_errors=True)


def check_bucket(path: Path) -> None:
    """Raise `UsageError` where there is no such bucket, `BucketError` where it does not answer."""
    scheme, _, rest = as_url(path).partition("://")
    bucket = f"{scheme}://{rest.partition('/')[0]}"
    with told(path):
        here = system(path)
        # A file system without buckets (memory, sftp) makes folders as they are needed.
        if scheme in PACKAGES and not here.exists(bucket):
            raise UsageError(f"there is no bucket {bucket}; make it, or check its name")


def _made(target: Path) -> Path:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorkError(
            f"cannot write to {target.parent} ({error.strerror}); name another folder with KINEMA_BUCKETS"
        ) from None
    return target


def _begin(folder: Path, path: Path) -> None:
    """Go on with what was begun here, or begin with the whole run that is there.

    What another machine has finished there meanwhile counts more than what was begun here.
    """
    there = files_below(path)
    whole = [name for name in _LAST if name in there]
    if folder.exists() and any(
        _begun(folder).get(name, [""])[-1] != there[name].digest.hex() for name in whole
    ):
        shutil.rmtree(folder)
    if folder.exists():
        return
    if whole:
        fetch_files(path, there, folder)
    _note(folder, there if whole else {})


def _send(folder: Path, path: Path) -> None:
    names = [p.relative_to(folder).as_posix() for p in sorted(folder.rglob("*")) if p.is_file()]
    names = [name for name in names if not any(part.startswith(".") for part in name.split("/"))]
    there, begun = files_below(path), _begun(folder)
    new = [n for n in names if n not in there or begun.get(n) != _facts(folder / n, there[n])]
    gone = [name for name in begun if name in there and name not in names]
    last = [name for name in new if Path(name).name in _LAST]
    if new or gone:
        for name in last:  # it is not whole, until it is again
            remove(path / name)
        send_files(folder, path, [name for name in new if name not in last])
        for name in gone:
            remove(path / name)
        send_files(folder, path, last)


def _note(folder: Path, there: Mapping[str, Mark]) -> None:
    facts = {name: _facts(folder / name, mark) for name, mark in there.items()}
    write_text(folder.parent / _BEGUN, json.dumps(facts))


def _begun(folder: Path) -> dict[str, list]:
    try:
        found: dict[str, list] = json.loads((folder.parent / _BEGUN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def _facts(file: Path, mark: Mark) -> list:
    found = file.stat()
    return [found.st_size, found.st_mtime_ns, mark.digest.hex()]
