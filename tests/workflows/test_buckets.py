"""Work on buckets from end to end: an S3 server on loopback, its requests counted, its answers spoiled."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from safetensors.numpy import load_file

import kinema
from kinema.buckets import as_path, cache, system
from kinema.buckets.listing import forget
from kinema.errors import BucketError, MediaError, UsageError
from kinema.extraction.extract import CHANGED
from kinema.features import shard
from kinema.media import container
from kinema.media.container import content_digest, open_container
from kinema.resources import Resources
from kinema.workflows.embed import embed_dataset, search_videos
from kinema.workflows.evaluate import evaluate
from kinema.workflows.events import Events
from kinema.workflows.extract import extract_dataset
from kinema.workflows.predict_files import predict_files
from kinema.workflows.train import train
from support.buckets import Bucket

RECIPE: dict[str, Any] = {
    "name": "tiny",
    "streams": {
        "rgb": {
            "input": "rgb",
            "sampling": {"kind": "windows", "length": 3, "stride": 5},
            "backbone": "small_cnn",
        }
    },
    "temporal": {"kind": "gru", "units": 8},
    "training": {"epochs": 1, "lr": 0.01},
}


class Said(Events):
    def __init__(self) -> None:
        self.warned: list[str] = []

    def warn(self, text: str) -> None:
        self.warned.append(text)


@pytest.fixture
def data(s3: Bucket, tiny_videos: Path) -> str:
    """The URL of twelve videos and the CSV that names them."""
    s3.put_tree(tiny_videos.parent, "data")
    s3.server.requests.clear()
    return f"{s3.url}/data/{tiny_videos.name}"


def resources(features: str | Path) -> Resources:
    return Resources(weights="none", features=features, workers=1, device="cpu")


def extracted(data: str | Path, features: str | Path, events: Events | None = None) -> dict[str, Any]:
    result = extract_dataset(data, recipe=RECIPE, resources=resources(features), events=events or Events())
    return result | result["streams"]["rgb"]


def of_videos(s3: Bucket) -> int:
    """How often the bytes of a video were asked for."""
    return sum(method == "GET" and path.endswith(".mp4") for method, path in s3.server.requests)


def loose(store: Path) -> dict[str, np.ndarray]:
    """The features of a store of files, by key."""
    return {path.stem: load_file(path)["data"] for path in store.rglob("*.safetensors")}


def packed(s3: Bucket, prefix: str = "features/") -> dict[str, np.ndarray]:
    """The features in the shards of a bucket, by key."""
    found = {}
    for name in s3.names(prefix):
        if name.endswith(".arrow"):
            for row in pa.ipc.open_file(pa.BufferReader(s3.get(name))).read_all().to_pylist():
                found[row["key"]] = np.frombuffer(row["data"], np.float32).reshape(row["steps"], row["dim"])
    return found


def assert_same(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> None:
    assert first.keys() == second.keys()
    for key, value in first.items():
        np.testing.assert_array_equal(value, second[key])


@pytest.fixture(scope="module")
def on_disk(tiny_videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the same videos give from and to a disk: features and a run."""
    folder = tmp_path_factory.mktemp("disk")
    train(tiny_videos, recipe=RECIPE, out=folder / "run", resources=resources(folder / "features"))
    return folder


def test_from_videos_in_a_bucket_to_a_run_in_a_bucket_and_back(
    s3: Bucket, data: str, tiny_videos: Path, on_disk: Path, tmp_path: Path
):
    run, use = f"{s3.url}/runs/one", resources(f"{s3.url}/features")
    result = train(data, recipe=RECIPE, out=run, resources=use)
    assert str(result.run) == f"/s3:/{s3.name}/runs/one"
    # The same run as from a disk, but for what it took.
    assert s3.get("runs/one/model.safetensors") == (on_disk / "run" / "model.safetensors").read_bytes()
    assert s3.get("runs/one/predictions.csv") == (on_disk / "run" / "predictions.csv").read_bytes()
    assert {name.rpartition("/")[2] for name in s3.names("runs/one/")} == {
        path.name for path in (on_disk / "run").iterdir()
    }
    assert b"<svg" in s3.get("runs/one/report.html")
    assert_same(packed(s3), loose(on_disk / "features"))
    assert not list((tmp_path / "buckets" / "work").glob("*/one"))
    # A finished one is returned as it is, and another one refused, from another machine too.
    shutil.rmtree(tmp_path / "buckets")
    s3.server.requests.clear()
    assert train(data, recipe=RECIPE, out=run, resources=use).metrics == result.metrics
    assert of_videos(s3) == 0
    assert s3.server.counted("PUT", "runs/") == 0
    other = RECIPE | {"training": {"epochs": 2, "lr": 0.01}}
    with pytest.raises(UsageError, match=f"{run} holds a finished run"):
        train(data, recipe=other, out=run, resources=use)
    # The run's URL in place of its folder.
    file = next(tiny_videos.parent.rglob("*.mp4"))
    video = f"{s3.url}/data/{file.relative_to(tiny_videos.parent).as_posix()}"
    loaded, local = kinema.load(run, use), kinema.load(on_disk / "run", resources(on_disk / "features"))
    np.testing.assert_array_equal(loaded.predict(video).scores, local.predict(file).scores)
    metrics = evaluate(run, data, out=f"{s3.url}/evaluated", resources=use)
    assert metrics["n_test"] == result.metrics["n_test"]
    assert json.loads(s3.get("evaluated/metrics.json"))["accuracy"] == metrics["accuracy"]
    made = embed_dataset(run, data, f"{s3.url}/videos.parquet", resources=use)
    assert made.videos == 12
    hits = search_videos(f"{s3.url}/videos.parquet", video, top=1, resources=use)
    assert [hit.path for hit in hits] == [video]
    answered = predict_files(run, [video, f"{s3.url}/data/nothing.mp4"], f"{s3.url}/a.parquet", resources=use)
    assert (answered.videos, answered.failed) == (2, 1)
    assert s3.get("a.parquet")[:4] == b"PAR1"


def test_a_second_extraction_fetches_nothing(s3: Bucket, data: str, tmp_path: Path):
    first = extracted(data, tmp_path / "features")
    assert (first["extracted"], first["reused"], of_videos(s3)) == (12, 0, 12)
    s3.server.requests.clear()
    again = extracted(data, tmp_path / "features")
    assert (again["extracted"], again["reused"], of_videos(s3)) == (0, 12, 0)


def test_another_machine_fetches_nothing_either(s3: Bucket, data: str, tmp_path: Path):
    extracted(data, f"{s3.url}/features")
    shutil.rmtree(tmp_path / "buckets")
    s3.server.requests.clear()
    again = extracted(data, f"{s3.url}/features")
    assert (again["extracted"], again["reused"], of_videos(s3)) == (0, 12, 0)
    assert again["features"] == f"{s3.url}/features"
    # Of shards, the end alone was read.
    (name,) = (name for name in s3.names("features/") if name.endswith(".arrow"))
    assert s3.server.counted("GET", name) <= 3


def test_shards_go_while_work_goes_on_and_loose_objects_never(
    s3: Bucket, data: str, on_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from kinema.features import packing

    monkeypatch.setattr(packing, "MOST_ROWS", 4)
    monkeypatch.setattr(shard, "MOST_ROWS", 4)
    extracted(data, f"{s3.url}/features")
    assert_same(packed(s3), loose(on_disk / "features"))
    names = s3.names("features/")
    assert sum(name.endswith(".arrow") for name in names) == 3, "each is full"
    assert not any(name.endswith(".safetensors") for name in names)
    assert not loose(tmp_path / "buckets")


def test_an_object_that_changes_while_it_is_decoded_is_taken_by_the_next_run(
    s3: Bucket, data: str, on_disk: Path, tmp_path: Path
):
    changed = s3.get([n for n in s3.names("data/") if n.endswith(".mp4")][-1])
    asked: list[str] = []

    def change(method: str, path: str) -> None:
        # The first one is asked for by now, and not yet whether it is what it was.
        if method == "GET" and path.endswith(".mp4"):
            asked.append(path)
            if len(asked) == 2:
                s3.put(asked[0].removeprefix(f"/{s3.name}/"), changed + b"\0")

    s3.server.fault = change
    first = extracted(data, tmp_path / "features")
    assert len(asked) >= 12
    rows = (tmp_path / "features" / "quarantine.csv").read_text() if first["quarantined"] else ""
    assert first["extracted"] + first["quarantined"] == 12
    assert not rows or CHANGED in rows or "changes while it is read" in rows
    again = extracted(data, tmp_path / "features")
    assert again["quarantined"] == 0
    assert again["extracted"] + again["reused"] == 12
    # No content has the features of another one.
    found, right = loose(tmp_path / "features"), loose(on_disk / "features")
    assert len(found) >= 12
    for key in found.keys() & right.keys():
        np.testing.assert_array_equal(found[key], right[key])


def test_a_bucket_that_fails_half_way_blames_no_video(
    s3: Bucket, data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(system, "TRIES", 2)
    served: list[str] = []

    def fail(method: str, path: str) -> str | None:
        if method == "GET" and path.endswith(".mp4"):
            served.append(path)
        return "503 Slow Down" if len(served) > 5 else None

    s3.server.fault = fail
    with pytest.raises(BucketError, match=f"{s3.url} does not answer"):
        extracted(data, tmp_path / "features")
    assert not (tmp_path / "features" / "quarantine.csv").exists()
    s3.server.fault = lambda method, path: None
    whole = extracted(data, tmp_path / "features")
    assert (whole["extracted"] + whole["reused"], whole["quarantined"]) == (12, 0)


def test_a_half_written_shard_is_named_left_out_and_computed_anew(
    s3: Bucket, data: str, on_disk: Path, tmp_path: Path
):
    extracted(data, f"{s3.url}/features")
    (name,) = (name for name in s3.names("features/") if name.endswith(".arrow"))
    whole = s3.get(name)
    s3.put(name, whole[: len(whole) // 2])
    shutil.rmtree(tmp_path / "buckets")
    said = Said()
    again = extracted(data, f"{s3.url}/features", said)
    assert again["extracted"] == 12
    assert any(f"{name} is damaged" in text for text in said.warned)
    assert_same(packed(s3), loose(on_disk / "features"))


def test_a_bounded_cache_is_enough(
    s3: Bucket, data: str, on_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Less than all of the videos fit: they are fetched again where they are needed again."""
    sizes = [len(s3.get(name)) for name in s3.names("data/") if name.endswith(".mp4")]
    monkeypatch.setenv("KINEMA_BUCKETS_GB", str(sum(sizes) / 3e9))
    monkeypatch.setattr(cache, "GRACE_SECONDS", 0.0)
    extracted(data, tmp_path / "features")
    assert_same(loose(tmp_path / "features"), loose(on_disk / "features"))
    assert sum(p.stat().st_size for p in (tmp_path / "buckets" / "objects").glob("*/*")) < sum(sizes)


def test_a_copy_that_goes_before_it_is_opened_is_fetched_again(
    s3: Bucket, data: str, monkeypatch: pytest.MonkeyPatch
):
    """As where another process makes room at that moment."""
    name = next(name for name in s3.names("data/") if name.endswith(".mp4"))
    video, dropped = as_path(f"{s3.url}/{name}"), list[Path]()

    def local(path: Path) -> Path:
        there = cache.local(path)
        if len(dropped) < 2:
            there.unlink()
            dropped.append(there)
        return there

    monkeypatch.setattr(container, "local", local)
    with open_container(video) as opened:
        assert opened.streams.video
    dropped.clear()
    assert content_digest(video) == hashlib.sha256(s3.get(name)).hexdigest()
    assert len(dropped) == 2
    dropped.clear()
    forget(video.parent)
    s3.remove(name)
    with pytest.raises(MediaError, match="does not exist"):
        open_container(video)


def started(s3: Bucket, data: str, cache: Path, recipe: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "kinema", "extract", data, "--recipe", str(recipe), "--weights", "none"]
    command += ["--features", f"{s3.url}/features", "--workers", "1", "--json"]
    environment = os.environ | s3.environment | {"KINEMA_BUCKETS": str(cache)}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finished(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return json.loads(out)["streams"]["rgb"]


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    (tmp_path / "tiny.yaml").write_text(json.dumps(RECIPE))
    return tmp_path / "tiny.yaml"


def test_a_kill_in_the_middle_costs_the_work_in_hand_alone(
    s3: Bucket, data: str, on_disk: Path, tmp_path: Path, recipe_file: Path
):
    process = started(s3, data, tmp_path / "buckets", recipe_file)
    while not loose(tmp_path / "buckets") and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    done = len(loose(tmp_path / "buckets"))
    assert done >= 1
    assert not packed(s3)
    again = extracted(data, f"{s3.url}/features")
    assert again["reused"] >= done
    assert again["extracted"] + again["reused"] == 12
    assert_same(packed(s3), loose(on_disk / "features"))
    assert not loose(tmp_path / "buckets")


def test_two_drivers_fill_one_store(s3: Bucket, data: str, on_disk: Path, tmp_path: Path, recipe_file: Path):
    """On two machines: each has a cache of its own."""
    other = started(s3, data, tmp_path / "other", recipe_file)
    while not loose(tmp_path / "other") and other.poll() is None:
        time.sleep(0.002)
    mine = extracted(data, f"{s3.url}/features")
    for done in (mine, finished(other)):
        assert done["extracted"] + done["reused"] == 12
    assert_same(packed(s3), loose(on_disk / "features"))
    again = extracted(data, f"{s3.url}/features")
    assert (again["extracted"], again["reused"]) == (0, 12)


def test_a_shard_is_read_from_the_cache_while_training(s3: Bucket, data: str, tmp_path: Path):
    use = resources(f"{s3.url}/features")
    train(data, recipe=RECIPE, out=tmp_path / "one", resources=use)
    s3.server.requests.clear()
    other = RECIPE | {"training": {"epochs": 3, "lr": 0.01}}
    train(data, recipe=other, out=tmp_path / "two", resources=use)
    (name,) = (name for name in s3.names("features/") if name.endswith(".arrow"))
    assert s3.server.counted("GET", name) == 0, "it was kept when it was sent"
    assert shard.ENDING in name
