"""Embeddings as CSV, for spreadsheets: the columns of the Parquet file; `search` reads Parquet alone."""

import csv
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import numpy as np

from ..errors import WorkError
from .embedding_file import EmbeddingWriter, check_vector, readable

COLUMNS = ("path", "label", "group", "vector", "presence", "fingerprint")


class CsvEmbeddingWriter:
    """Writes embeddings one by one; the same use and the same errors as `EmbeddingWriter`.

    `vector` and `presence` are JSON, `[0.5,-1.25]` and `{"rgb": true}`; the numbers are the shortest that
    give the float32 back. A blank `label` or `group` is none.
    """

    def __init__(self, path: str | Path, dim: int, fingerprint: str):
        self.path, self.dim, self.fingerprint = Path(path), dim, fingerprint
        self.count = 0
        self._partial = self.path.with_name(f"{self.path.name}.{os.getpid()}.part")
        try:
            self._file = open(self._partial, "w", encoding="utf-8", newline="")  # noqa: SIM115
            self._rows = csv.writer(self._file)
            self._rows.writerow(COLUMNS)
        except OSError as error:
            raise self._failed(error) from None

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
        check_vector(vector, self.dim)
        numbers = ",".join(map(str, vector.astype(np.float32)))
        seen = json.dumps(dict(presence or {}))
        try:
            self._rows.writerow([readable(path), label, group, f"[{numbers}]", seen, self.fingerprint])
        except OSError as error:
            raise self._failed(error) from None
        self.count += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        try:
            self._file.close()
            if kind is None:
                os.replace(self._partial, self.path)
        except OSError as error:
            if kind is None:
                raise self._failed(error) from None
        finally:
            self._partial.unlink(missing_ok=True)

    def _failed(self, error: OSError) -> WorkError:
        self._partial.unlink(missing_ok=True)
        reason = error.strerror or str(error)
        return WorkError(f"cannot write {self.path}: {reason}; free space or choose another --out")


def embedding_writer(
    path: Path, dim: int, fingerprint: str, *, run: str | Path = ""
) -> EmbeddingWriter | CsvEmbeddingWriter:
    """CSV for a name that ends in .csv, else Parquet."""
    if path.suffix.lower() == ".csv":
        return CsvEmbeddingWriter(path, dim, fingerprint)
    return EmbeddingWriter(path, dim, fingerprint, run=run)
