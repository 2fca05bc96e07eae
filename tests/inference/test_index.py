"""The approximate index: what it finds against numpy's exact answer, and what it refuses."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from kinema.errors import UsageError
from kinema.inference.embedding_file import EmbeddingWriter
from kinema.inference.index import NEAREST, ApproximateIndex, build_index, index_folder
from kinema.inference.search import search

DIM = 24


def write(path: Path, vectors: np.ndarray) -> Path:
    with EmbeddingWriter(path, vectors.shape[1], "run-a") as writer:
        for i, vector in enumerate(vectors):
            writer.add(f"{i}.mp4", vector, label=f"class {i % 3}")
    return path


def clustered(count: int, seed: int = 0) -> np.ndarray:
    """Vectors round 20 centres, the same for every seed, as embeddings of classes are."""
    random, centres = np.random.default_rng(seed), np.random.default_rng(99).normal(size=(20, DIM))
    return (centres[random.integers(20, size=count)] + random.normal(size=(count, DIM))).astype(np.float32)


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    vectors = clustered(3000)
    path = write(tmp_path_factory.mktemp("embeddings") / "e.parquet", vectors)
    build_index(path)
    return path, vectors


def test_it_finds_what_the_exact_search_finds_and_says_how_much(indexed: tuple[Path, np.ndarray]) -> None:
    path, vectors = indexed
    index = ApproximateIndex(path)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    queries = clustered(40, seed=1)
    hits = 0
    for query in queries:
        nearest = np.argsort(-(unit @ (query / np.linalg.norm(query))), kind="stable")[:NEAREST]
        found = index.search(query, top=NEAREST, fingerprint="run-a")
        hits += len({hit.path for hit in found} & {f"{row}.mp4" for row in nearest})
    measured = hits / (NEAREST * len(queries))
    assert index.facts.recall >= 0.99
    assert index.facts.probes < index.facts.lists
    # Other vectors of the same kind: 400 answers, so three standard deviations are below two in a hundred.
    assert measured == pytest.approx(index.facts.recall, abs=0.02)


def test_scores_and_names_are_those_of_the_exact_search(indexed: tuple[Path, np.ndarray]) -> None:
    path, vectors = indexed
    exact = {hit.path: hit for hit in search(path, vectors[7], top=200)}
    found = ApproximateIndex(path).search(vectors[7], top=5)
    assert found[0].path == "7.mp4"
    for hit in found:
        assert (hit.label, hit.score) == (
            exact[hit.path].label,
            pytest.approx(exact[hit.path].score, abs=1e-9),
        )
    assert [hit.score for hit in found] == sorted((hit.score for hit in found), reverse=True)


def test_a_wrong_query_is_refused(indexed: tuple[Path, np.ndarray]) -> None:
    index = ApproximateIndex(indexed[0])
    with pytest.raises(UsageError, match="another run"):
        index.search(np.ones(DIM), fingerprint="run-b")
    with pytest.raises(UsageError, match=f"{DIM}-d embeddings and the query is \\[3\\]"):
        index.search(np.ones(3))


def test_few_embeddings_can_be_indexed_too(tmp_path: Path) -> None:
    path = write(tmp_path / "e.parquet", np.float32([[1, 0], [0, 1], [0, 0]]))
    assert build_index(path).recall == 1
    found = ApproximateIndex(path).search(np.float32([1, 0.1]), top=10)
    assert [hit.path for hit in found] == ["0.mp4", "1.mp4", "2.mp4"]


def test_an_index_of_other_embeddings_is_refused_until_it_is_made_again(tmp_path: Path) -> None:
    path = write(tmp_path / "e.parquet", clustered(100))
    build_index(path)
    vectors = clustered(100)
    vectors[50] *= -1
    write(path, vectors)
    with pytest.raises(UsageError, match=r"made of other embeddings .* make the index again"):
        ApproximateIndex(path)
    build_index(path)
    assert ApproximateIndex(path).search(vectors[50], top=1)[0].path == "50.mp4"
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["e.parquet", "e.parquet.index"]


@pytest.mark.parametrize(("name", "message"), [("faiss", "is damaged"), ("index.json", "cannot be read")])
def test_damage_is_refused_before_faiss_reads_it(tmp_path: Path, name: str, message: str) -> None:
    path = write(tmp_path / "e.parquet", clustered(100))
    build_index(path)
    file = index_folder(path) / name
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UsageError, match=message):
        ApproximateIndex(path)


def test_a_newer_version_and_no_index_at_all_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "e.parquet", clustered(100))
    with pytest.raises(UsageError, match=f"has no index; make it with kinema index {path}$"):
        ApproximateIndex(path)
    build_index(path)
    facts = index_folder(path) / "index.json"
    facts.write_text(json.dumps(json.loads(facts.read_text()) | {"version": 9}))
    with pytest.raises(UsageError, match="has version 9 where 1 is read"):
        ApproximateIndex(path)


def test_without_faiss_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "e.parquet", clustered(10))
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(UsageError, match=r"pip install 'kinema\[index\]'$"):
        build_index(path)


def test_what_holds_nothing_is_not_indexed(tmp_path: Path) -> None:
    path = write(tmp_path / "e.parquet", np.zeros((0, 4), np.float32))
    with pytest.raises(UsageError, match="holds no embeddings"):
        build_index(path)
