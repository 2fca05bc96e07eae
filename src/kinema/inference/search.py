"""The embeddings of a file that are most like one vector, by cosine similarity, read as a stream."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import UsageError
from .embedding_file import EmbeddingFile, open_embeddings
from .embedding_rows import each_vectors, rows_at, verify

# Cosines in float32 are this near to those in float64, and where vectors are of such lengths.
_NEAR = 1e-4
_LENGTHS = 1e-15, 1e15


@dataclass(frozen=True, slots=True)
class Hit:
    """One embedding that was found; `score` is the cosine of the angle, from -1 to 1."""

    path: str
    label: str | None
    score: float


def search(
    file: str | Path, vector: np.ndarray, *, top: int = 10, fingerprint: str | None = None
) -> list[Hit]:
    """The `top` embeddings of `file` most like `vector` (float [dim]), best first.

    Ties go to the earlier row. A stored zero vector is like nothing: its score is 0. Memory does not grow
    with the file. Raises `UsageError` for a vector that is zero, not finite or of another dimension, and
    for a `fingerprint` (of the run that made `vector`) other than the file's.
    """
    stored = open_embeddings(file)
    check_query(stored, vector, top, fingerprint)
    verify(file)
    best = Best(top)
    for start, vectors in each_vectors(file):
        best.take(start, vectors, unit_rows(vector[None].astype(np.float64))[0])
    return hits_of(file, best.rows, best.scores)


def hits_of(file: str | Path, rows: Sequence[int], scores: Sequence[float]) -> list[Hit]:
    """Rows of a file, by number, with their names."""
    names = rows_at(file, rows)
    return [
        Hit(*names[row], min(max(float(score), -1.0), 1.0)) for row, score in zip(rows, scores, strict=True)
    ]


class Best:
    """The rows most like a vector among those taken so far, best first: `rows` and `scores`."""

    def __init__(self, top: int):
        self.top = top
        self.rows: list[int] = []
        self.scores: list[float] = []

    def take(self, start: int, vectors: np.ndarray, unit: np.ndarray) -> None:
        """Take rows `start` and on, `vectors` float32 [n, dim]; `unit` float64 [dim] has length 1."""
        chosen = self._candidates(vectors, unit)
        scores = unit_rows(vectors[chosen].astype(np.float64)) @ unit
        rows = np.concatenate([self.rows, start + chosen]).astype(np.int64)
        both = np.concatenate([self.scores, scores])
        order = np.lexsort((rows, -both))[: self.top]
        self.rows, self.scores = rows[order].tolist(), both[order].tolist()

    def _candidates(self, vectors: np.ndarray, unit: np.ndarray) -> np.ndarray:
        """The rows that may be among the best, by cosines in float32; in doubt all."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
            cosines = vectors @ unit.astype(np.float32) / lengths
        if not len(vectors) or lengths.min() < _LENGTHS[0] or lengths.max() > _LENGTHS[1]:
            return np.arange(len(vectors))
        if len(self.scores) == self.top:
            least = self.scores[-1]
        elif len(cosines) > self.top:
            least = float(np.partition(cosines, -self.top)[-self.top])
        else:
            return np.arange(len(vectors))
        return np.flatnonzero(cosines >= least - _NEAR)


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """Vectors [n, dim] at length 1; those of length 0 stay what they are."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1.0)


def check_query(stored: EmbeddingFile, vector: np.ndarray, top: int, fingerprint: str | None) -> None:
    """Raises `UsageError` for what cannot be looked for in a file."""
    if top < 1:
        raise UsageError(f"--top {top}: ask for at least 1")
    if fingerprint is not None and fingerprint != stored.fingerprint:
        raise UsageError(
            f"{stored.path} was made by another run ({stored.fingerprint[:12]}, not {fingerprint[:12]}); "
            "embed the folder again with this run"
        )
    if vector.shape != (stored.dim,):
        raise UsageError(
            f"{stored.path} holds {stored.dim}-d embeddings and the query is {list(vector.shape)}; "
            "embed both with the same run"
        )
    if not np.isfinite(vector).all() or not vector.any():
        raise UsageError("the query's embedding is zero or not finite; choose another video")
