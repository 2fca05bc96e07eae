"""An approximate index beside a file of embeddings: what is near a vector, without reading all of them.

    videos.parquet.index/faiss      Faiss's inverted lists, a byte a value
    videos.parquet.index/index.json what it was made of, and how much of the exact answer it finds

Vectors at length 1 are dealt to about sqrt(n) lists by their nearest centre (k-means); a query looks into
`probes` of them (Jégou, Douze & Schmid 2011, IVF). What is found is compared anew with the vectors
themselves, so scores are exact, and only rows can be missed. How many are is measured when the index is made:
vectors of the file, as queries, against the exact search.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..atomic import temporary_name, write_text
from ..errors import UsageError, WorkError
from ..keys import file_digest
from ..resources import threads
from .embedding_file import EmbeddingFile, open_embeddings
from .embedding_rows import each_vectors, vectors_at, verify
from .search import Best, Hit, check_query, hits_of, unit_rows

VERSION = 1
QUERIES, NEAREST = 200, 10
ENOUGH = 0.99  # of the nearest, for which as many lists are looked into as it takes
_FOUND_PER_ASKED = 4  # rows that are compared exactly for each that is asked for
_LEARNED_PER_LIST = 64  # vectors; Faiss asks for 39 at the least

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class IndexFacts:
    """What an index says of itself.

    embeddings: digest of the rows that it was made of. recall: the share of the `NEAREST` of `queries`
    vectors of the file that it finds, looking into `probes` of its `lists`. sha256: of Faiss's file.
    """

    embeddings: str
    rows: int
    lists: int
    probes: int
    recall: float
    queries: int
    sha256: str
    version: int = VERSION


def index_folder(file: str | Path) -> Path:
    """Where the index of a file of embeddings lies."""
    return Path(f"{file}.index")


def build_index(file: str | Path, progress: Progress = lambda done, total: None) -> IndexFacts:
    """Make the index of a file, replacing an older one; it appears whole or not at all.

    A byte a value is held in memory. Raises `UsageError` for a file that has none to index, or without Faiss.
    """
    faiss = _faiss()
    stored = open_embeddings(file)
    if not stored.count or not stored.digest:
        what = "is of an older version" if stored.count else "holds no embeddings"
        raise UsageError(f"{file} {what}; make it again with kinema embed")
    verify(file)
    lists = max(1, int(stored.count**0.5))
    index = faiss.index_factory(stored.dim, f"IVF{lists},SQ8", faiss.METRIC_INNER_PRODUCT)
    index.train(_sample(stored, min(stored.count, _LEARNED_PER_LIST * lists)))
    queries = _sample(stored, min(stored.count, QUERIES))
    nearest = _Nearest(queries)
    for start, vectors in each_vectors(file):
        unit = _unit(vectors)
        index.add(unit)
        nearest.take(start, unit)
        progress(start + len(vectors), stored.count)
    probes, recall = _tuned(index, lists, queries, nearest.rows)
    facts = IndexFacts(stored.digest, stored.count, lists, probes, recall, len(queries), "")
    return _written(index, facts, index_folder(file))


class ApproximateIndex:
    """The index of a file of embeddings, opened: its lists stay on the disk until they are looked into.

    Raises `UsageError` where there is none, where it is damaged, and where the embeddings are others by now.
    """

    def __init__(self, file: str | Path):
        faiss = _faiss()
        self.file, self.stored, folder = Path(file), open_embeddings(file), index_folder(file)
        self.facts = _facts(folder)
        if (self.facts.embeddings, self.facts.rows) != (self.stored.digest, self.stored.count):
            raise UsageError(f"{folder} was made of other embeddings than {file} holds; {_again(file)}")
        if _sha256(folder / "faiss") != self.facts.sha256:
            raise UsageError(f"{folder} is damaged; {_again(file)}")
        self._index = faiss.read_index(str(folder / "faiss"), faiss.IO_FLAG_MMAP)
        self._index.nprobe = self.facts.probes

    def search(self, vector: np.ndarray, *, top: int = 10, fingerprint: str | None = None) -> list[Hit]:
        """As `kinema.inference.search.search`, of the rows that the index finds."""
        check_query(self.stored, vector, top, fingerprint)
        unit = unit_rows(vector[None].astype(np.float64))
        wanted = min(_FOUND_PER_ASKED * top, self.stored.count)
        rows = [int(row) for row in self._index.search(unit.astype(np.float32), wanted)[1][0] if row >= 0]
        best = Best(top)
        for row, found in sorted(vectors_at(self.file, rows).items()):
            best.take(row, found[None], unit[0])
        return hits_of(self.file, best.rows, best.scores)


class _Nearest:
    """The exact answer to queries float32 [Q, dim]: `rows` int [Q, `NEAREST`] of those taken so far."""

    def __init__(self, queries: np.ndarray):
        self._queries = queries
        self._cosines = np.full((len(queries), NEAREST), -np.inf, np.float32)
        self.rows = np.full((len(queries), NEAREST), -1)

    def take(self, start: int, unit: np.ndarray) -> None:
        """Take rows `start` and on, float32 [n, dim] at length 1."""
        cosines = np.concatenate([self._cosines, self._queries @ unit.T], axis=1)
        new = np.broadcast_to(np.arange(start, start + len(unit)), (len(self.rows), len(unit)))
        rows = np.concatenate([self.rows, new], axis=1)
        best = np.argpartition(-cosines, NEAREST - 1, axis=1)[:, :NEAREST]
        self._cosines = np.take_along_axis(cosines, best, axis=1)
        self.rows = np.take_along_axis(rows, best, axis=1)


def _tuned(index: Any, lists: int, queries: np.ndarray, nearest: np.ndarray) -> tuple[int, float]:
    """The smallest number of lists, by doubling, that finds `ENOUGH` of the nearest, and the share found."""
    probes = 1
    while True:
        index.nprobe = probes
        found = index.search(queries, _FOUND_PER_ASKED * NEAREST)[1]
        pairs = zip(nearest, found, strict=True)
        shares = [np.isin(own[own >= 0], rows).mean() for own, rows in pairs]
        recall = float(np.mean(shares))
        if recall >= ENOUGH or probes >= lists:
            return probes, recall
        probes = min(2 * probes, lists)


def _sample(stored: EmbeddingFile, count: int) -> np.ndarray:
    """`count` vectors of a file, evenly spread over its rows, at length 1: float32 [count, dim]."""
    wanted, found = np.linspace(0, stored.count - 1, count).astype(int), []
    for start, vectors in each_vectors(stored.path):
        inside = wanted[(wanted >= start) & (wanted < start + len(vectors))]
        found.append(_unit(vectors[inside - start]))
    return np.concatenate(found)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(unit_rows(vectors), np.float32)


def _written(index: Any, facts: IndexFacts, folder: Path) -> IndexFacts:
    """Put an index into its place. Raises `WorkError` where it cannot be written."""
    temporary = temporary_name(folder)
    try:
        temporary.mkdir()
        try:
            _faiss().write_index(index, str(temporary / "faiss"))
            facts = replace(facts, sha256=_sha256(temporary / "faiss"))
            write_text(temporary / "index.json", json.dumps(asdict(facts), indent=2) + "\n")
            if folder.exists():
                shutil.rmtree(folder)
            temporary.rename(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except (OSError, RuntimeError) as error:  # what Faiss raises where the disk is full
        raise WorkError(f"cannot write {folder} ({error}); free some space") from None
    return facts


def _facts(folder: Path) -> IndexFacts:
    """Raises `UsageError` where there is no index, or one that this version cannot read."""
    file = folder.with_suffix("")
    try:
        facts = IndexFacts(**json.loads((folder / "index.json").read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise UsageError(f"{file} has no index; make it with kinema index {file}") from None
    except (OSError, ValueError, TypeError):
        raise UsageError(f"{folder}/index.json cannot be read; {_again(file)}") from None
    if facts.version != VERSION:
        raise UsageError(f"{folder} has version {facts.version} where {VERSION} is read; {_again(file)}")
    return facts


def _again(file: str | Path) -> str:
    return f"make the index again with kinema index {file}"


def _sha256(path: Path) -> str:
    try:
        return file_digest(path)
    except OSError:
        return ""


def _faiss() -> Any:
    """Raises `UsageError` where it is not installed."""
    try:
        import faiss
    except ImportError:
        raise UsageError("an index needs Faiss, which is not here; pip install 'kinema[index]'") from None
    faiss.omp_set_num_threads(threads())
    return faiss
