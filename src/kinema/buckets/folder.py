"""Folders of a few files, such as runs: copied whole, written so that what makes them whole comes last."""

import hashlib
import os
import secrets
import shutil
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath

from ..errors import KinemaError, UsageError, WorkError
from ..urls import as_url, in_bucket
from .listing import ASKING, Mark, forget, mark_of
from .path import as_path
from .place import root
from .system import system, told

# The file that is written last and makes a folder whole, by one that it cannot be without: a run, a detector.
WHOLE = {"config.yaml": "training.json", "autoencoder.safetensors": "anomaly.yaml"}


def local_folder(given: str | os.PathLike[str]) -> Path:
    """A folder as it is, or a copy of a folder in a bucket, such as a run, as it is there now.

    Raises `UsageError` where there is none, and where its writing has not come to its end.
    """
    path = as_path(given)
    if not in_bucket(path):
        return path
    found = files_below(path)
    if not found:
        raise UsageError(f"there is nothing at {path}; check the URL")
    for sign, last in WHOLE.items():
        if sign in found and last not in found:
            raise UsageError(
                f"{path} is not whole (no {last}): it is being written, or that was stopped; start that again"
            )
    versions = hashlib.sha256(as_url(path).encode())
    for name, mark in sorted(found.items()):
        versions.update(name.encode() + mark.digest)
    target = root() / "folders" / versions.hexdigest()[:24] / path.name
    if target.is_dir():
        os.utime(target.parent)
    else:
        _copy(path, found, target)
    return target


@contextmanager
def named_as(path: str | os.PathLike[str], here: Path) -> Iterator[None]:
    """Errors speak of the URL, and not of the place on this disk that stands for it."""
    try:
        yield
    except KinemaError as error:
        if not in_bucket(as_path(path)):
            raise
        raise type(error)(str(error).replace(os.fspath(here), as_url(as_path(path)))) from error


def _copy(path: Path, found: dict[str, Mark], target: Path) -> None:
    partial = target.parent.with_name(f".{target.parent.name}.{secrets.token_hex(4)}")
    try:
        fetch_files(path, found, partial / target.name)
        with suppress(OSError):  # another process was first
            os.rename(partial, target.parent)
    except OSError as error:
        raise WorkError(
            f"cannot copy {path} to {root()} ({error.strerror or error}); free some space, or name"
            " another folder with KINEMA_BUCKETS"
        ) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def fetch_files(path: Path, names: Collection[str], target: Path) -> None:
    """Copy files of a folder in a bucket to a folder here."""

    def fetch(name: str) -> None:
        file = target / name
        file.parent.mkdir(parents=True, exist_ok=True)
        with told(path):
            system(path).get_file(f"{as_url(path)}/{name}", os.fspath(file))

    with ThreadPoolExecutor(ASKING) as pool:
        list(pool.map(fetch, names))


def files_below(path: PurePath) -> dict[str, Mark]:
    """The files of a folder in a bucket, by their path in it."""
    with told(path):
        here = system(path)
        prefix = here._strip_protocol(as_url(path)).rstrip("/") + "/"
        try:
            rows = here.find(as_url(path), detail=True)
        except FileNotFoundError:
            return {}
    names = {name.removeprefix(prefix): facts for name, facts in rows.items() if name.startswith(prefix)}
    return {
        name: mark_of(facts)
        for name, facts in names.items()
        if facts["type"] == "file" and name and not name.endswith("/") and ".." not in PurePath(name).parts
    }


def send_files(folder: Path, path: Path, names: Collection[str]) -> None:
    """Write files of a folder here to a folder in a bucket; each is there whole or not at all."""

    def send(name: str) -> None:
        send_file(folder / name, path / name)

    with ThreadPoolExecutor(ASKING) as pool:
        list(pool.map(send, names))


def send_file(file: Path, path: PurePath) -> None:
    """Write a file here to an object. Raises `BucketError`."""
    try:
        with told(path):
            system(path).put_file(os.fspath(file), as_url(path))
    except FileNotFoundError:
        raise UsageError(f"there is no bucket for {path}; make it, or check its name") from None
    forget(path)


def remove(path: PurePath) -> None:
    """Remove an object, if it is there."""
    with suppress(FileNotFoundError), told(path):
        system(path).rm_file(as_url(path))
    forget(path)
