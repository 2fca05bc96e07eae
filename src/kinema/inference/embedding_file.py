"""Embeddings on disk: one Parquet file, written and read as a stream.

Columns: `path`, `label`, `group` (text, the last two may be null), `vector` (float32, fixed length),
`presence` (stream name -> bool) and `fingerprint` of the run that made the vector. The file's metadata says
that it is ours, in which version, repeats the fingerprint and names the run's folder. Vectors of two runs
cannot be compared, so one file holds one fingerprint. The metadata hold a digest of all rows, and the pages
of the row groups a checksum each; both are verified where they are there, which older files lack.
"""

import hashlib
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..atomic import temporary_name
from ..errors import UsageError, WorkError

VERSION = 1
_DIGEST_KEY = "kinema.sha256"
_DAMAGED = (OSError, pa.ArrowException, ValueError, TypeError, MemoryError)
ROW_GROUP_BYTES = 16 << 20
_VERSION_KEY, _FINGERPRINT_KEY, _RUN_KEY = b"kinema.embeddings", b"kinema.fingerprint", b"kinema.run"


class EmbeddingSink(ABC):
    """Takes embeddings one by one and makes a file of them.

    A context manager: the file appears at `path` when the block ends, whole, replacing an older one; when
    the block raises, nothing appears. Raises `WorkError` where the file cannot be written.
    """

    def __init__(self, path: str | Path, dim: int, fingerprint: str):
        self.path, self.dim, self.fingerprint = Path(path), dim, fingerprint
        self.count = 0
        self._partial = temporary_name(self.path)

    def add(
        self,
        path: str,
        vector: np.ndarray,
        *,
        label: str | None = None,
        group: str | None = None,
        presence: Mapping[str, bool] | None = None,
    ) -> None:
        """Append one embedding, `vector` float [dim]. Raises `ValueError` for another shape or NaN."""
        if vector.shape != (self.dim,) or not np.isfinite(vector).all():
            raise ValueError(f"an embedding must be finite and [{self.dim}], got {list(vector.shape)}")
        # A file name need not be UTF-8.
        name = path.encode("utf-8", "backslashreplace").decode()
        self._put(name, vector, label, group, dict(presence or {}))
        self.count += 1

    @abstractmethod
    def _put(
        self, path: str, vector: np.ndarray, label: str | None, group: str | None, presence: dict[str, bool]
    ) -> None: ...

    def __enter__(self) -> Self:
        return self

    @abstractmethod
    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None: ...

    def _failed(self, error: OSError) -> WorkError:
        self._partial.unlink(missing_ok=True)
        reason = error.strerror or str(error)
        return WorkError(f"cannot write {self.path}: {reason}; free space or choose another --out")


class EmbeddingWriter(EmbeddingSink):
    """Writes Parquet; a million embeddings cost no more memory than one row group of 16 MB."""

    def __init__(self, path: str | Path, dim: int, fingerprint: str, *, run: str | Path = ""):
        super().__init__(path, dim, fingerprint)
        self._schema = _schema(dim, fingerprint, os.fspath(run))
        self._digest = _Digest()
        self._rows: list[dict[str, object]] = []
        self._vectors = np.empty((group_rows(dim), dim), np.float32)
        try:
            self._writer = pq.ParquetWriter(self._partial, self._schema, write_page_checksum=True)
        except OSError as error:
            raise self._failed(error) from None

    def _put(
        self, path: str, vector: np.ndarray, label: str | None, group: str | None, presence: dict[str, bool]
    ) -> None:
        self._vectors[len(self._rows)] = vector
        self._rows.append({"path": path, "label": label, "group": group, "presence": list(presence.items())})
        if len(self._rows) == len(self._vectors):
            self._flush()

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is not None:
            with suppress(OSError):  # the disk may be full: the reason to give up
                self._writer.close()
            self._partial.unlink(missing_ok=True)
            return
        self._flush()
        try:
            self._writer.add_key_value_metadata({_DIGEST_KEY: self._digest.hex()})
            self._writer.close()
            os.replace(self._partial, self.path)
        except OSError as error:
            raise self._failed(error) from None

    def _flush(self) -> None:
        if not self._rows:
            return
        columns: dict[str, Any] = {name: [row[name] for row in self._rows] for name in self._rows[0]}
        vectors = pa.array(self._vectors[: len(self._rows)].reshape(-1))
        columns["vector"] = pa.FixedSizeListArray.from_arrays(vectors, self.dim)
        columns["fingerprint"] = [self.fingerprint] * len(self._rows)
        try:
            table = pa.Table.from_pydict(columns, self._schema)
            for batch in table.to_batches():
                self._digest.add(_batch(batch, self.dim))
            self._writer.write_table(table)
        except OSError as error:
            raise self._failed(error) from None
        self._rows = []


@dataclass(frozen=True, slots=True)
class EmbeddingFile:
    """An opened file of embeddings: what all its rows share.

    `run` is the folder of the run, where known; `digest` says which rows were written, but in older files.
    """

    path: Path
    dim: int
    fingerprint: str
    count: int
    run: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class EmbeddingBatch:
    """Some rows of a file: `vectors` float32 [n, dim], everything else a list of n."""

    paths: list[str]
    labels: list[str | None]
    groups: list[str | None]
    vectors: np.ndarray
    presence: list[dict[str, bool]]


def open_embeddings(path: str | Path) -> EmbeddingFile:
    """Dimension, fingerprint and number of the embeddings in a file, without reading them.

    Raises `UsageError` for a file that is absent, not ours, or of a newer version.
    """
    try:
        with pq.ParquetFile(path) as file:
            schema, count = file.schema_arrow, file.metadata.num_rows
            digest = (file.metadata.metadata or {}).get(_DIGEST_KEY.encode(), b"").decode("ascii", "replace")
    except FileNotFoundError:
        raise UsageError(f"no embeddings at {path}; make them with kinema embed") from None
    except _DAMAGED as error:
        if Path(path).suffix.lower() == ".csv":
            raise UsageError(
                f"{path} is CSV; search reads Parquet: kinema embed ... --out NAME.parquet"
            ) from None
        raise _unreadable(path, str(error)) from None
    facts = schema.metadata or {}
    version = facts.get(_VERSION_KEY, b"").decode("utf-8", "replace")
    if version != str(VERSION):
        found = f"version {version}" if version else "no version"
        raise UsageError(
            f"{path} has {found} of Kinema's embeddings where {VERSION} is read; "
            "make it again with kinema embed, or update Kinema"
        )
    run = facts.get(_RUN_KEY, b"").decode("utf-8", "surrogateescape")
    made_by = facts.get(_FINGERPRINT_KEY, b"").decode("utf-8", "replace")
    dim = getattr(schema.field("vector").type, "list_size", 0) if "vector" in schema.names else 0
    if not schema.equals(_schema(dim, made_by, run)):
        raise _unreadable(path, "its columns are not those of embeddings")
    return EmbeddingFile(Path(path), dim, made_by, count, run, digest)


def read_embeddings(path: str | Path) -> Iterator[EmbeddingBatch]:
    """The rows of a file in order, one batch after the other, each of at most 16 MB of vectors.

    Raises `UsageError` as `open_embeddings` does, and at the end where the rows are not those written.
    """
    dim = open_embeddings(path).dim
    with opened_file(path) as file:
        digest, expected = _Digest(), (file.metadata.metadata or {}).get(_DIGEST_KEY.encode())
        for rows_read in file.iter_batches(batch_size=group_rows(dim)):
            batch = _batch(rows_read, dim)
            digest.add(batch)
            yield batch
        if expected not in (None, digest.hex().encode()):
            raise ValueError("its rows are not those that were written")


@contextmanager
def opened_file(path: str | Path) -> Iterator[pq.ParquetFile]:
    """A file whose pages are checked when they are read. What is found to be damaged raises `UsageError`."""
    try:
        with pq.ParquetFile(path, pre_buffer=False, page_checksum_verification=True) as file:
            yield file
    except _DAMAGED as error:
        raise _unreadable(path, str(error)) from None


def group_rows(dim: int) -> int:
    """Rows of a row group."""
    return max(1, ROW_GROUP_BYTES // (4 * dim))


def vectors_of(batch: pa.RecordBatch, dim: int) -> np.ndarray:
    """The column of vectors, float32 [n, dim]. Raises `ValueError` for values that are not finite."""
    vectors = batch.column("vector").flatten().to_numpy().reshape(-1, dim)
    if not np.isfinite(vectors).all():
        raise ValueError("a vector is not finite")
    return vectors


def _batch(batch: pa.RecordBatch, dim: int) -> EmbeddingBatch:
    return EmbeddingBatch(
        paths=batch.column("path").to_pylist(),
        labels=batch.column("label").to_pylist(),
        groups=batch.column("group").to_pylist(),
        vectors=vectors_of(batch, dim),
        presence=[dict(pairs) for pairs in batch.column("presence").to_pylist()],
    )


class _Digest:
    """sha256 of rows, however they are cut into batches."""

    def __init__(self) -> None:
        self._vectors, self._rest = hashlib.sha256(), hashlib.sha256()

    def add(self, batch: EmbeddingBatch) -> None:
        self._vectors.update(np.ascontiguousarray(batch.vectors).data)
        for row in zip(batch.paths, batch.labels, batch.groups, batch.presence, strict=True):
            self._rest.update(json.dumps(row).encode())

    def hex(self) -> str:
        return hashlib.sha256(self._vectors.digest() + self._rest.digest()).hexdigest()


def _unreadable(path: str | Path, reason: str) -> UsageError:
    first = (reason.splitlines() or ["damaged"])[0][:200]
    return UsageError(f"cannot read embeddings {path} ({first}); make them again with kinema embed")


def _schema(dim: int, fingerprint: str, run: str) -> pa.Schema:
    fields = {
        "path": pa.string(),
        "label": pa.string(),
        "group": pa.string(),
        "vector": pa.list_(pa.float32(), dim),
        "presence": pa.map_(pa.string(), pa.bool_()),
        "fingerprint": pa.string(),
    }
    facts = {
        _VERSION_KEY: str(VERSION).encode(),
        _FINGERPRINT_KEY: fingerprint.encode(),
        _RUN_KEY: run.encode("utf-8", "surrogateescape"),
    }
    return pa.schema(list(fields.items()), metadata=facts)
