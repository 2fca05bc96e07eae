"""Embeddings on disk and the search over them, against brute force and plain pyarrow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kinema.errors import UsageError, WorkError
from kinema.inference import embedding_file as embed
from kinema.inference.embedding_file import EmbeddingWriter, open_embeddings, read_embeddings
from kinema.inference.search import search


def write(path: Path, vectors: np.ndarray, fingerprint: str = "run-a") -> Path:
    with EmbeddingWriter(path, vectors.shape[1], fingerprint) as writer:
        for i, vector in enumerate(vectors):
            writer.add(
                f"{i}.mp4", vector, label=f"class {i % 3}", presence={"rgb": True, "audio": i % 2 == 0}
            )
    return path


@pytest.fixture
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Row groups of 1 kB, so that a small file has many."""
    monkeypatch.setattr(embed, "ROW_GROUP_BYTES", 1024)


@pytest.mark.parametrize("count", [1, 16, 17, 500])
@pytest.mark.parametrize("top", [1, 7, 600])
def test_search_is_brute_force(tmp_path: Path, small_groups: None, count: int, top: int) -> None:
    rng = np.random.default_rng(count)
    vectors = rng.normal(size=(count, 16)).astype(np.float32)
    query = rng.normal(size=16).astype(np.float32)
    expected = [float(np.dot(v, query) / np.sqrt(np.dot(v, v) * np.dot(query, query))) for v in vectors]
    order = sorted(range(count), key=lambda i: -expected[i])[:top]
    hits = search(write(tmp_path / "e.parquet", vectors), query, top=top)
    assert [hit.path for hit in hits] == [f"{i}.mp4" for i in order]
    assert [hit.label for hit in hits] == [f"class {i % 3}" for i in order]
    np.testing.assert_allclose([hit.score for hit in hits], [expected[i] for i in order], atol=1e-6)


def test_length_does_not_count_and_ties_go_to_the_earlier_row(tmp_path: Path, small_groups: None) -> None:
    vectors = np.tile(np.float32([1, 2]), (400, 1)) * np.float32(2.0) ** (np.arange(400) % 8)[:, None]
    hits = search(write(tmp_path / "e.parquet", vectors.astype(np.float32)), np.float32([3, 6]), top=3)
    assert [hit.path for hit in hits] == ["0.mp4", "1.mp4", "2.mp4"]
    assert all(hit.score == pytest.approx(1.0) and hit.score <= 1.0 for hit in hits)


def test_a_stored_zero_vector_is_like_nothing(tmp_path: Path) -> None:
    vectors = np.float32([[-1, 0], [0, 0], [1, 0]])
    hits = search(write(tmp_path / "e.parquet", vectors), np.float32([5, 0]))
    assert [(hit.path, hit.score) for hit in hits] == [("2.mp4", 1.0), ("1.mp4", 0.0), ("0.mp4", -1.0)]


def test_what_is_read_is_what_was_written(tmp_path: Path, small_groups: None) -> None:
    vectors = np.random.default_rng(0).normal(size=(100, 5)).astype(np.float32)
    path = write(tmp_path / "e.parquet", vectors)
    facts = open_embeddings(path)
    assert (facts.dim, facts.fingerprint, facts.count) == (5, "run-a", 100)
    batches = list(read_embeddings(path))
    assert len(batches) == 2
    np.testing.assert_array_equal(np.concatenate([b.vectors for b in batches]), vectors)
    assert [p for b in batches for p in b.paths] == [f"{i}.mp4" for i in range(100)]
    assert batches[0].presence[1] == {"rgb": True, "audio": False}
    assert {g for b in batches for g in b.groups} == {None}
    table = pq.read_table(path)  # any Parquet reader understands the columns
    assert table.column_names == ["path", "label", "group", "vector", "presence", "fingerprint"]
    assert table.schema.field("vector").type == pa.list_(pa.float32(), 5)
    assert set(table["fingerprint"].to_pylist()) == {"run-a"}


def test_an_empty_file_has_no_hits(tmp_path: Path) -> None:
    assert search(write(tmp_path / "e.parquet", np.zeros((0, 4), np.float32)), np.ones(4)) == []


def test_odd_names_survive(tmp_path: Path) -> None:
    names = ['it\'s "a" clip\n.mp4', "видео 動画.mp4", "bad\udcff.mp4"]
    with EmbeddingWriter(tmp_path / "e.parquet", 1, "r") as writer:
        for name in names:
            writer.add(name, np.ones(1))
    (batch,) = read_embeddings(tmp_path / "e.parquet")
    assert batch.paths == [*names[:2], "bad\\udcff.mp4"]


@pytest.mark.parametrize(
    ("query", "options", "message"),
    [
        (np.ones(3), {}, "4-d embeddings and the query is \\[3\\].*same run$"),
        (np.ones(4), {"fingerprint": "run-b"}, "another run.*with this run$"),
        (np.zeros(4), {}, "zero or not finite.*another video$"),
        (np.full(4, np.nan), {}, "zero or not finite.*another video$"),
        (np.ones(4), {"top": 0}, "ask for at least 1$"),
    ],
)
def test_a_wrong_query_is_refused(tmp_path: Path, query: np.ndarray, options: dict, message: str) -> None:
    path = write(tmp_path / "e.parquet", np.ones((2, 4), np.float32))
    with pytest.raises(UsageError, match=message):
        search(path, query, **options)
    assert search(path, np.ones(4), fingerprint="run-a")


def test_files_that_are_not_ours_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.parquet").write_text("hello")
    pq.write_table(pa.table({"path": ["a"]}), tmp_path / "other.parquet")
    write(tmp_path / "new.parquet", np.ones((1, 2), np.float32))
    newer = pq.read_table(tmp_path / "new.parquet").replace_schema_metadata({b"kinema.embeddings": b"9"})
    pq.write_table(newer, tmp_path / "new.parquet")
    for name, message in [
        ("none", "no embeddings at"),
        ("text", "cannot read embeddings"),
        ("other", "has no version"),
        ("new", "has version 9"),
    ]:
        with pytest.raises(UsageError, match=message):
            open_embeddings(tmp_path / f"{name}.parquet")


def test_a_flipped_bit_of_a_column_is_refused(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(40, 8)).astype(np.float32)
    whole = write(tmp_path / "e", vectors).read_bytes()
    with pq.ParquetFile(tmp_path / "e") as file:
        group = file.metadata.row_group(0)
        columns = [group.column(i) for i in range(group.num_columns)]
    path = tmp_path / "flipped"
    for column in columns:
        if column.path_in_schema.startswith(("path", "vector", "label")):
            at = column.data_page_offset + column.total_compressed_size // 2
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            with pytest.raises(
                UsageError, match=r"cannot read embeddings .*make them again with kinema embed$"
            ):
                search(path, vectors[0])


def test_rows_other_than_those_written_are_refused_and_older_files_are_read(tmp_path: Path) -> None:
    table = pq.read_table(write(tmp_path / "e", np.eye(4, dtype=np.float32)))
    facts = pq.read_metadata(tmp_path / "e").metadata
    assert len(search(tmp_path / "e", np.ones(4, np.float32))) == 4
    for name, keep in (("old", False), ("short", True)):
        ours = {k: v for k, v in facts.items() if k.startswith(b"kinema.") and (keep or b"sha256" not in k)}
        pq.write_table(table.slice(1).replace_schema_metadata(ours), tmp_path / name)
    assert len(search(tmp_path / "old", np.ones(4, np.float32))) == 3
    with pytest.raises(UsageError, match="not those that were written"):
        search(tmp_path / "short", np.ones(4, np.float32))


def test_damage_anywhere_is_one_line_or_the_same_answer(tmp_path: Path) -> None:
    vectors = np.random.default_rng(1).normal(size=(20, 4)).astype(np.float32)
    whole = write(tmp_path / "e", vectors).read_bytes()
    right, path = search(tmp_path / "e", vectors[0]), tmp_path / "flipped"
    for at in range(0, len(whole), 5):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :])
        try:
            assert search(path, vectors[0]) == right
        except UsageError as error:
            assert "\n" not in str(error)  # noqa: PT017


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_stored_vectors_that_are_not_finite_are_refused(tmp_path: Path, value: float) -> None:
    table = pq.read_table(write(tmp_path / "e", np.ones((3, 2), np.float32)))
    at = table.schema.get_field_index("vector")
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(np.full(6, value, np.float32)), 2)
    pq.write_table(table.set_column(at, table.schema.field("vector"), vectors), tmp_path / "e")
    with pytest.raises(UsageError, match=r"not finite.*make them again"):
        search(tmp_path / "e", np.ones(2, np.float32))


def write_and_stop(path: Path) -> None:
    with EmbeddingWriter(path, 4, "run-b") as writer:
        writer.add("a.mp4", np.ones(4))
        assert open_embeddings(path).fingerprint == "run-a"
        raise KeyboardInterrupt


def test_nothing_half_written(tmp_path: Path) -> None:
    path = write(tmp_path / "e.parquet", np.ones((2, 4), np.float32))
    with pytest.raises(KeyboardInterrupt):
        write_and_stop(path)
    assert open_embeddings(path).fingerprint == "run-a"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(WorkError, match=r"cannot write .*choose another --out$"):
        EmbeddingWriter(tmp_path / "absent" / "e.parquet", 4, "r")


@pytest.mark.parametrize("vector", [np.ones(3), np.ones((1, 4)), np.array([1, 2, np.inf, 4])])
def test_a_wrong_vector_is_a_programming_error(tmp_path: Path, vector: np.ndarray) -> None:
    with (
        pytest.raises(ValueError, match="finite and \\[4\\]"),
        EmbeddingWriter(tmp_path / "e", 4, "r") as writer,
    ):
        writer.add("a", vector)
    assert list(tmp_path.iterdir()) == []


def test_memory_does_not_grow_with_the_number_of_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Arrow's own counter: 40 MB of vectors pass through buffers of a twentieth of that."""
    monkeypatch.setattr(embed, "ROW_GROUP_BYTES", 256 << 10)
    before, vector = pa.total_allocated_bytes(), np.arange(1, 513, dtype=np.float32)
    most = 0
    with EmbeddingWriter(tmp_path / "e.parquet", 512, "r") as writer:
        for i in range(20_000):
            writer.add(f"{i}", vector)
            most = max(most, pa.total_allocated_bytes() - before)
    for batch in read_embeddings(tmp_path / "e.parquet"):
        assert batch.vectors.nbytes <= 256 << 10
        most = max(most, pa.total_allocated_bytes() - before)
    assert most < 4 << 20
