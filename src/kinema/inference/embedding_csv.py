"""Embeddings as CSV, for spreadsheets: the columns of the Parquet file; `search` reads Parquet alone."""

import csv
import json
import os
from pathlib import Path

import numpy as np

from .embedding_file import EmbeddingSink, EmbeddingWriter

COLUMNS = ("path", "label", "group", "vector", "presence", "fingerprint")


class CsvEmbeddingWriter(EmbeddingSink):
    """Writes CSV.

    `vector` and `presence` are JSON, `[0.5,-1.25]` and `{"rgb": true}`; the numbers are the shortest that
    give the float32 back. A blank `label` or `group` is none.
    """

    def __init__(self, path: str | Path, dim: int, fingerprint: str):
        super().__init__(path, dim, fingerprint)
        try:
            self._file = open(self._partial, "x", encoding="utf-8", newline="")  # noqa: SIM115
            self._rows = csv.writer(self._file)
            self._rows.writerow(COLUMNS)
        except OSError as error:
            raise self._failed(error) from None

    def _put(
        self, path: str, vector: np.ndarray, label: str | None, group: str | None, presence: dict[str, bool]
    ) -> None:
        numbers = ",".join(map(str, vector.astype(np.float32)))
        try:
            self._rows.writerow([path, label, group, f"[{numbers}]", json.dumps(presence), self.fingerprint])
        except OSError as error:
            raise self._failed(error) from None

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


def embedding_writer(path: Path, dim: int, fingerprint: str, *, run: str | Path = "") -> EmbeddingSink:
    """CSV for a name that ends in .csv, else Parquet."""
    if path.suffix.lower() == ".csv":
        return CsvEmbeddingWriter(path, dim, fingerprint)
    return EmbeddingWriter(path, dim, fingerprint, run=run)
