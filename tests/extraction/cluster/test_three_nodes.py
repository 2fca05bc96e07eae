"""`extract` on a cluster of three node processes: the store of one machine, whoever dies meanwhile."""

from __future__ import annotations

import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest

from support.ray_clips import OPTIONS, extract_here, write_clip
from support.ray_cluster import processes, ray_cluster, started, tree

pytest.importorskip("ray", reason="Ray is not installed; pip install 'ray[client]'")
pytestmark = pytest.mark.slow
CLIPS = 30


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, clips_of: Callable[[Path, int], Path]) -> Path:
    return clips_of(tmp_path_factory.mktemp("videos"), CLIPS)


@pytest.fixture(scope="module")
def reference(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return extract_here(data, tmp_path_factory.mktemp("one machine") / "store")


@pytest.fixture
def cluster() -> Iterator[Any]:
    with ray_cluster(3) as found:
        yield found


def extract(cluster: Any, data: Path, store: Path, *more: str):
    return started(
        cluster, "extract", str(data), *OPTIONS, "--features", str(store), "--cluster", "auto", *more
    )


def wait_for(store: Path, files: int) -> None:
    """Wait until so many sequences are stored."""
    ends = time.monotonic() + 300
    while len(list(store.glob("rgb-*/*/*.safetensors"))) < files:
        assert time.monotonic() < ends
        time.sleep(0.02)


def finish(process: Any) -> str:
    said = process.communicate(timeout=600)[1]
    assert process.returncode == 0, said
    return said


def test_the_store_is_that_of_one_machine(cluster, data, reference, tmp_path: Path):
    said = finish(extract(cluster, data, tmp_path / "store"))
    assert f"{CLIPS} extracted, 0 already there" in said
    assert "1 quarantined" in said
    assert tree(tmp_path / "store") == reference


def test_a_node_dies_and_another_joins(cluster, data, reference, tmp_path: Path):
    process = extract(cluster, data, tmp_path / "store")
    wait_for(tmp_path / "store", CLIPS // 3)
    cluster.remove_node(cluster.list_all_nodes()[-1], allow_graceful=False)
    cluster.add_node(num_cpus=1)
    said = finish(process)
    # A sequence that the dead node had stored and not yet told of is there already.
    told = re.search(r"(\d+) extracted, (\d+) already there", said)
    assert told is not None
    assert int(told[1]) + int(told[2]) == CLIPS
    assert tree(tmp_path / "store") == reference


def test_workers_and_actors_die(cluster, data, reference, tmp_path: Path):
    process = extract(cluster, data, tmp_path / "store")
    for count, title in enumerate(("ray::_decode", "ray::Backbones"), start=1):
        wait_for(tmp_path / "store", 5 * count)
        for one in processes(title)[:1]:
            one.kill()
    finish(process)
    assert tree(tmp_path / "store") == reference


def test_a_driver_that_was_killed_goes_on(cluster, data, reference, tmp_path: Path):
    process = extract(cluster, data, tmp_path / "store")
    wait_for(tmp_path / "store", 5)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    there = len(list((tmp_path / "store").glob("rgb-*/*/*.safetensors")))
    said = finish(extract(cluster, data, tmp_path / "store"))
    assert f"{CLIPS} extracted, 0 already" not in said
    assert there >= 5
    assert tree(tmp_path / "store") == reference


def test_a_file_that_kills_its_worker_is_quarantined(cluster, data: Path, tmp_path: Path, clips_of):
    """Whoever has it open is killed; the others are not delayed by it."""
    root = clips_of(tmp_path / "videos", 6)
    deadly = root / "left" / "deadly.mp4"
    write_clip(deadly, 1500, 99)
    killed, ended = [], threading.Event()

    def hunt() -> None:
        while not ended.wait(0.01):
            for one in processes("ray::_decode"):
                try:
                    if any(file.path == str(deadly) for file in one.open_files()):
                        one.kill()
                        killed.append(one.pid)
                except psutil.Error:
                    continue

    hunter = threading.Thread(target=hunt)
    hunter.start()
    try:
        said = finish(extract(cluster, root, tmp_path / "store"))
    finally:
        ended.set()
        hunter.join()
    assert len(set(killed)) == 3
    assert "6 extracted" in said
    quarantine = (tmp_path / "store" / "quarantine.csv").read_text()
    assert "decoder crashed 3 times" in quarantine
    assert len(quarantine.splitlines()) == 3


def test_embeddings_are_those_of_one_machine(cluster, tiny_run: Path, tiny_videos: Path, tmp_path: Path):
    """Of features that the nodes compute, and of this machine's."""
    found = []
    for name, more in (("here", []), ("there", ["--cluster", "auto"])):
        out = ["--out", str(tmp_path / f"{name}.parquet"), "--features", str(tmp_path / name)]
        finish(started(cluster, "embed", str(tiny_run), str(tiny_videos), *out, *more))
        found.append(pq.read_table(tmp_path / f"{name}.parquet").sort_by("path").to_pylist())
    here, there = found
    assert here == there
    assert len(here) == 12


def test_through_rays_client(data, reference, tmp_path: Path, clips_of):
    """The driver is no node of the cluster; and a run answers for an archive there as it does here."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with ray_cluster(2, ray_client_server_port=port) as cluster:
        address = f"ray://127.0.0.1:{port}"
        options = [*OPTIONS, "--features", str(tmp_path / "store"), "--cluster", address]
        finish(started(cluster, "extract", str(data), *options))
    assert tree(tmp_path / "store") == reference


def test_an_archive_is_answered_as_here(
    cluster, data: Path, tiny_run: Path, tiny_videos: Path, tmp_path: Path
):
    found = [str(p) for p in sorted(tiny_videos.parent.rglob("*.mp4"))]
    files = tmp_path / "list.txt"
    files.write_text("\n".join([*found, str(data / "left" / "text.mp4"), "/nowhere/gone.mp4"]))
    common = ["predict", str(tiny_run), "--files", str(files), "--min-score", "0.4", "--out"]
    finish(started(cluster, *common, str(tmp_path / "here.parquet")))
    finish(started(cluster, *common, str(tmp_path / "there.parquet"), "--cluster", "auto"))
    here, there = (pq.read_table(tmp_path / f"{name}.parquet").to_pylist() for name in ("here", "there"))
    assert here == there
    assert [row["error"] is None for row in here] == [True] * len(found) + [False, False]
