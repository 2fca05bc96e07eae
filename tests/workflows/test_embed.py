"""Embeddings of a folder as Parquet, against the run itself, and the search by a video."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

import kinema
from kinema.errors import UsageError
from kinema.inference.embedding_csv import CsvEmbeddingWriter
from kinema.inference.embedding_file import read_embeddings
from kinema.media.writer import VideoWriter
from kinema.resources import Resources
from kinema.workflows.embed import EmbedResult, embed_dataset, search_videos


@pytest.fixture(scope="module")
def embedded(tiny_run: Path, tiny_videos: Path, tmp_path_factory: pytest.TempPathFactory) -> EmbedResult:
    out = tmp_path_factory.mktemp("parquet") / "deep" / "videos.parquet"
    return embed_dataset(
        tiny_run, tiny_videos, out, resources=Resources(features=tiny_run.parent / "features")
    )


def test_every_video_is_there_with_label_group_and_presence(embedded: EmbedResult, tiny_videos: Path) -> None:
    rows = pq.read_table(embedded.file).to_pylist()
    assert len(rows) == embedded.videos == 12
    for row in rows:
        path = Path(row["path"])
        assert path.is_file()
        assert row["label"] == path.parent.name
        assert f"_{row['group']}_" in path.name
        assert dict(row["presence"]) == {"rgb": True, "audio": True}
        assert row["fingerprint"] == embedded.fingerprint


def test_vectors_are_those_of_the_run(embedded: EmbedResult, tiny_run: Path) -> None:
    run = kinema.load(tiny_run)
    rows = pq.read_table(embedded.file).to_pylist()
    for row in (rows[0], rows[5], rows[11]):
        np.testing.assert_allclose(row["vector"], run.embed(row["path"]), atol=1e-4)


def test_a_video_finds_itself_first(embedded: EmbedResult) -> None:
    path = pq.read_table(embedded.file).to_pylist()[3]["path"]
    hits = search_videos(embedded.file, path, top=3)
    assert len(hits) == 3
    assert hits[0].path == path
    assert hits[0].score == pytest.approx(1.0, abs=1e-5)
    assert hits[0].score >= hits[1].score >= hits[2].score


def test_loose_unlabelled_videos_and_a_broken_one(tiny_run: Path, tiny_videos: Path, tmp_path: Path) -> None:
    folder = tmp_path / "loose"
    folder.mkdir()
    shutil.copy(next(tiny_videos.parent.glob("waving/*.mp4")), folder / "a clip.mp4")
    with VideoWriter(folder / "mute.mp4", fps=10, width=64, height=48) as writer:
        for shade in range(5):
            writer.write(np.full((48, 64, 3), 40 * shade, np.uint8))
    (folder / "text.mp4").write_text("not a video")
    out = tmp_path / "loose.parquet"
    result = kinema.embed(tiny_run, folder, out, resources=Resources(features=tiny_run.parent / "features"))
    assert result.videos == 2
    assert list(result.quarantined) == ["text.mp4"]
    batch = next(read_embeddings(out))
    assert batch.labels == batch.groups == [None, None]
    assert batch.presence == [{"rgb": True, "audio": True}, {"rgb": True, "audio": False}]


def test_a_run_trained_otherwise_is_refused(embedded: EmbedResult, tiny_run: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    other = shutil.copytree(tiny_run, tmp_path / "other")
    video = pq.read_table(embedded.file)["path"][0].as_py()
    assert search_videos(embedded.file, video, run=other, top=1)  # a copy is the same run
    state = load_file(other / "model.safetensors")
    state["recognizer.head.layers.0.bias"] = state["recognizer.head.layers.0.bias"] + 1.0
    save_file(state, other / "model.safetensors")
    config = yaml.safe_load((other / "config.yaml").read_text(encoding="utf-8"))
    config["model_sha256"] = hashlib.sha256((other / "model.safetensors").read_bytes()).hexdigest()
    (other / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    with pytest.raises(UsageError, match="another run"):
        search_videos(embedded.file, video, run=other)


def test_a_lost_run_asks_for_its_place(embedded: EmbedResult, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--run"):
        search_videos(embedded.file, "clip.mp4", run=tmp_path / "gone")


def test_a_folder_is_no_file(tiny_run: Path, tiny_videos: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="folder"):
        embed_dataset(tiny_run, tiny_videos, tmp_path)


def test_csv_has_the_columns_and_the_numbers_of_parquet(
    embedded: EmbedResult, tiny_run: Path, tiny_videos: Path, tmp_path: Path
) -> None:
    resources = Resources(features=tiny_run.parent / "features")
    result = embed_dataset(tiny_run, tiny_videos, tmp_path / "deep" / "v.csv", resources=resources)
    with open(result.file, newline="", encoding="utf-8") as file:
        written = list(csv.DictReader(file))
    table = pq.read_table(embedded.file)
    assert list(written[0]) == table.column_names
    assert len(written) == result.videos == 12
    for row, other in zip(written, table.to_pylist(), strict=True):
        assert (row["path"], row["label"], row["group"]) == (other["path"], other["label"], other["group"])
        assert json.loads(row["presence"]) == dict(other["presence"])
        assert row["fingerprint"] == other["fingerprint"]
        np.testing.assert_array_equal(np.array(json.loads(row["vector"]), np.float32), other["vector"])
    assert sorted(path.name for path in result.file.parent.iterdir()) == ["v.csv"]
    with pytest.raises(UsageError, match=r"v\.csv is CSV; search reads Parquet"):
        search_videos(result.file, written[0]["path"], run=tiny_run)


def test_csv_that_cannot_be_finished_leaves_nothing(tmp_path: Path) -> None:
    def fill() -> None:
        with CsvEmbeddingWriter(tmp_path / "v.csv", 2, "f") as writer:
            writer.add("a", np.ones(2))
            writer.add("b", np.array([1.0, np.nan]))

    (tmp_path / "v.csv").write_text("the old one")
    with pytest.raises(ValueError, match="finite"):
        fill()
    assert [p.read_text() for p in tmp_path.iterdir()] == ["the old one"]
