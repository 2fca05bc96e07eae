"""One feature sequence in one safetensors file, written step by step in constant memory.

The file is ordinary safetensors (`data` float32 [T, D], `pts_seconds` float64 [T], metadata with the sha256
of the bytes of both, which older files lack); only the writer is ours, because the number of steps is known
at the end and the header stands at the start.
"""

import hashlib
import json
import math
import os
import struct
from array import array
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
from safetensors import SafetensorError, safe_open

from ..atomic import temporary_name
from ..errors import WorkError
from ..keys import FORMAT_VERSION
from ..types import FeatureSequence

MAGIC = "kinema-features"
# Room for the header, filled up with spaces, which the format allows.
HEADER_BYTES = 1024
_MOST_HEADER = 1 << 20


class SequenceWriter:
    """Appends steps to a temporary file beside `path`; `commit` makes it the finished file at once.

    Raises `OSError` where the disk is full or the folder is read-only; `discard` then leaves nothing behind.
    """

    def __init__(self, path: Path, dim: int):
        self.path, self.dim = path, dim
        path.parent.mkdir(parents=True, exist_ok=True)
        self.temporary = temporary_name(path)
        self._file: IO[bytes] = open(self.temporary, "xb")  # noqa: SIM115
        self._file.write(b"\0" * (8 + HEADER_BYTES))
        self._pts = array("d")
        self._digest = hashlib.sha256()

    @property
    def steps(self) -> int:
        """Steps appended so far."""
        return len(self._pts)

    def append(self, features: np.ndarray, pts_seconds: list[float]) -> None:
        """Add steps: `features` float32 [n, dim] and one time each."""
        if features.shape != (len(pts_seconds), self.dim) or features.dtype != np.float32:
            raise ValueError(f"expected float32 [{len(pts_seconds)}, {self.dim}], got {features.shape}")
        rows = np.ascontiguousarray(features)
        self._file.write(rows.data)
        self._digest.update(rows.data)
        self._pts.extend(pts_seconds)

    @property
    def size(self) -> int:
        """Bytes of the values so far."""
        return values_size(self.steps, self.dim)

    def commit(self) -> None:
        """Write times and header, flush to disk and rename into place; where that fails, nothing remains."""
        if self._file.closed:
            raise ValueError("the sequence is already finished")
        try:
            self._put_into_place()
        except OSError:
            self.discard()
            raise

    def _put_into_place(self) -> None:
        self._file.write(self._pts.tobytes())
        self._digest.update(self._pts)
        self._file.seek(0)
        shapes = {"data": ("F32", [self.steps, self.dim]), "pts_seconds": ("F64", [self.steps])}
        facts = {"magic": MAGIC, "version": str(FORMAT_VERSION), "sha256": self._digest.hexdigest()}
        self._file.write(safetensors_header(facts, **shapes))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        os.replace(self.temporary, self.path)

    def discard(self) -> None:
        """Drop what was written; nothing remains on disk."""
        with suppress(OSError):  # what the buffer still holds need not fit on the disk
            self._file.close()
        self.temporary.unlink(missing_ok=True)


def safetensors_header(metadata: dict[str, str], **tensors: tuple[str, list[int]]) -> bytes:
    """8 + HEADER_BYTES bytes for `tensors`, each (dtype as "F32", shape), which follow in this order."""
    header: dict[str, Any] = {"__metadata__": metadata}
    end = 0
    for name, (dtype, shape) in tensors.items():
        start, end = end, end + math.prod(shape) * int(dtype[1:]) // 8
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}
    return struct.pack("<Q", HEADER_BYTES) + json.dumps(header).encode().ljust(HEADER_BYTES)


def read_sequence(path: Path, *, check: bool = True) -> FeatureSequence:
    """Read one file whole. Raises `WorkError` where it is damaged or of another version.

    `check=False` believes the values, as a reader may that has checked them before.
    """
    with _opened(path) as file:
        facts = file.metadata() or {}
        if facts.get("magic") != MAGIC:
            raise WorkError(f"{path} is not a Kinema feature file; point --features at another folder")
        if (version := facts.get("version")) != str(FORMAT_VERSION):
            raise WorkError(f"{path} has format version {version}; update Kinema or extract again")
        data, pts = file.get_tensor("data"), file.get_tensor("pts_seconds")
    try:
        if check:
            check_values(data, pts, facts.get("sha256"))
        return FeatureSequence(data, pts, present=len(data) > 0)
    except ValueError as error:
        raise _unreadable(path, str(error)) from None


def sequence_shape(path: Path) -> tuple[int, int]:
    """(steps, dim) of one file, from its header alone. Raises `WorkError` where it is damaged.

    A training asks it of all its files before it begins: opening each as a whole took several times as long.
    """
    try:
        with open(path, "rb") as file:
            (size,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(min(size, _MOST_HEADER)))
            whole = (
                8 + size + max(entry["data_offsets"][1] for name, entry in header.items() if name[0] != "_")
            )
            steps, dim = header["data"]["shape"]
            if os.fstat(file.fileno()).st_size != whole or not (
                isinstance(steps, int) and isinstance(dim, int)
            ):
                raise ValueError("it is cut off")
    except (OSError, ValueError, TypeError, LookupError, AttributeError, struct.error) as error:
        raise _unreadable(path, str(error)) from None
    return steps, dim


def read_steps(path: Path, start: int, stop: int) -> np.ndarray:
    """Steps `start` to `stop` of one file, float32 [n, D], without reading the others or checking the digest.

    Raises `WorkError` where the file is damaged.
    """
    with _opened(path) as file:
        return file.get_slice("data")[start:stop]


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, framework="numpy") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise _unreadable(path, str(error)) from None


def _unreadable(path: Path, reason: str) -> WorkError:
    return WorkError(f"feature file {path} cannot be read ({reason}); delete it and extract again")


def check_values(data: np.ndarray, pts: np.ndarray, digest: str | None) -> None:
    """Raise `ValueError` for values that are not those of `digest` (older files have none), or not finite."""
    if digest is not None and digest != values_digest(data, pts):
        raise ValueError("its values are not those that were written")
    if not (np.isfinite(data).all() and np.isfinite(pts).all()):
        raise ValueError("it holds values that are not finite")


def values_digest(data: np.ndarray, pts: np.ndarray) -> str:
    """SHA-256 (hex) of a sequence's values and times."""
    digest = hashlib.sha256(np.ascontiguousarray(data).data)
    digest.update(np.ascontiguousarray(pts).data)
    return digest.hexdigest()


def values_size(steps: int, dim: int) -> int:
    """Bytes of a sequence's values and times."""
    return steps * (4 * dim + 8)
