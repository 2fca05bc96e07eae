"""The embeddings of a file that are most like one vector, by cosine similarity, read as a stream."""

from dataclasses import dataclass
from heapq import nlargest
from pathlib import Path

import numpy as np

from ..errors import UsageError
from .embedding_file import open_embeddings, read_embeddings


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
    _check(stored.dim, stored.fingerprint, file, vector, top, fingerprint)
    unit = _unit(vector[None].astype(np.float64))[0]
    rows = (
        row
        for batch in read_embeddings(file)
        for row in zip(batch.paths, batch.labels, _cosines(batch.vectors, unit), strict=True)
    )
    best = nlargest(top, rows, key=lambda row: row[2])  # stable: earlier rows stay in front
    return [Hit(path, label, min(max(score, -1.0), 1.0)) for path, label, score in best]


def _cosines(vectors: np.ndarray, unit: np.ndarray) -> list[float]:
    return (_unit(vectors.astype(np.float64)) @ unit).tolist()


def _unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1.0)


def _check(
    dim: int, made_by: str, file: str | Path, vector: np.ndarray, top: int, fingerprint: str | None
) -> None:
    if top < 1:
        raise UsageError(f"--top {top}: ask for at least 1")
    if fingerprint is not None and fingerprint != made_by:
        raise UsageError(
            f"{file} was made by another run ({made_by[:12]}, not {fingerprint[:12]}); "
            "embed the folder again with this run"
        )
    if vector.shape != (dim,):
        raise UsageError(
            f"{file} holds {dim}-d embeddings and the query is {list(vector.shape)}; "
            "embed both with the same run"
        )
    if not np.isfinite(vector).all() or not vector.any():
        raise UsageError("the query's embedding is zero or not finite; choose another video")
