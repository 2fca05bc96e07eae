"""What is written to a bucket: whole, last what makes it so, and gone on with after a stop."""

from __future__ import annotations

from pathlib import Path

import pytest

from buckets.conftest import Memory
from kinema.buckets import delivered, delivered_folder, local_folder, system
from kinema.buckets.place import work_place
from kinema.errors import UsageError, WorkError
from support.buckets import Bucket


def write_run(folder: Path, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "deep").mkdir(exist_ok=True)
    for name in ("config.yaml", "model.safetensors", "deep/network.bin", ".hidden"):
        (folder / name).write_text(f"{name} {text}")
    (folder / "training.json").write_text(text)


def stop_half_way(url: str) -> None:
    def work() -> None:
        with delivered_folder(url) as folder:
            write_run(folder, "half")
            (folder / "training.json").unlink()
            raise WorkError("power cut")

    with pytest.raises(WorkError, match="power cut"):
        work()


def test_a_path_of_this_machine_is_given_as_it_is(tmp_path: Path):
    with delivered(tmp_path / "a") as file, delivered_folder(tmp_path / "b") as folder:
        assert (file, folder) == (tmp_path / "a", tmp_path / "b")


def test_a_file_is_sent_when_it_is_done(memory: Memory):
    with delivered(f"{memory.url}/out/a.csv") as file:
        file.write_text("rows")
        assert memory.names() == []
    assert memory.get("out/a.csv") == b"rows"
    assert not file.exists()
    with pytest.raises(UsageError, match="is a folder"), delivered(f"{memory.url}/out"):
        pass


def test_a_file_that_failed_is_not_sent_and_its_work_is_kept(memory: Memory):
    url = f"{memory.url}/a.csv"

    def fail() -> None:
        with delivered(url) as file:
            file.with_name("a.csv.parts").write_text("half")
            raise WorkError(f"cannot finish {file}")

    with pytest.raises(WorkError, match=f"cannot finish {url}"):
        fail()
    assert memory.names() == []
    with delivered(url) as again:
        assert again.with_name("a.csv.parts").read_text() == "half"
        again.write_text("rows")


def test_a_run_is_sent_with_what_makes_it_whole_last(s3: Bucket):
    with delivered_folder(f"{s3.url}/run") as folder:
        write_run(folder, "one")
    written = [path.rpartition("/")[2] for method, path in s3.server.requests if method == "PUT"]
    assert sorted(written[1:]) == ["config.yaml", "model.safetensors", "network.bin", "training.json"]
    assert written[-1] == "training.json"
    assert s3.get("run/deep/network.bin") == b"deep/network.bin one"
    assert not folder.exists()


def test_it_is_read_back_whole_and_once(s3: Bucket):
    with delivered_folder(f"{s3.url}/run") as folder:
        write_run(folder, "one")
    copy = local_folder(f"{s3.url}/run")
    assert copy.name == "run"
    assert (copy / "deep" / "network.bin").read_text() == "deep/network.bin one"
    s3.server.requests.clear()
    assert local_folder(f"{s3.url}/run") == copy
    assert s3.server.counted("GET") == 0
    s3.put("run/model.safetensors", b"two")
    assert local_folder(f"{s3.url}/run") != copy, "another version is another copy"


def test_a_run_whose_writing_stopped_is_none(memory: Memory):
    memory.put("run/config.yaml", b"x")
    with pytest.raises(UsageError, match=r"is not whole \(no training.json\)"):
        local_folder(f"{memory.url}/run")
    memory.put("detector/autoencoder.safetensors", b"x")
    with pytest.raises(UsageError, match=r"is not whole \(no anomaly.yaml\)"):
        local_folder(f"{memory.url}/detector")
    with pytest.raises(UsageError, match="there is nothing at"):
        local_folder(f"{memory.url}/nothing")


def test_a_run_that_is_there_is_begun_with_and_not_sent_again(s3: Bucket):
    with delivered_folder(f"{s3.url}/run") as folder:
        write_run(folder, "one")
    s3.server.requests.clear()
    with delivered_folder(f"{s3.url}/run") as folder:
        assert (folder / "training.json").read_text() == "one"
    assert s3.server.counted("PUT") == 0


def test_a_run_is_never_whole_while_it_is_replaced(s3: Bucket):
    with delivered_folder(f"{s3.url}/run") as folder:
        write_run(folder, "one")
    seen = []
    s3.server.fault = lambda method, path: (
        seen.append("run/training.json" in s3.names())
        if (method == "PUT" and path.endswith(("yaml", "safetensors")))
        else None
    )
    with delivered_folder(f"{s3.url}/run") as folder:
        write_run(folder, "two")
        (folder / "deep" / "network.bin").unlink()
    assert seen == [False, False]
    assert s3.get("run/training.json") == b"two"
    assert "run/deep/network.bin" not in s3.names()


def test_files_of_others_stay(memory: Memory):
    memory.put("out/theirs.txt", b"theirs")
    with delivered_folder(f"{memory.url}/out") as folder:
        assert not folder.exists()
        folder.mkdir()
        (folder / "metrics.json").write_text("{}")
    assert memory.names() == ["out/metrics.json", "out/theirs.txt"]


def test_what_was_stopped_goes_on(memory: Memory):
    url = f"{memory.url}/run"
    stop_half_way(url)
    assert memory.names() == []
    with delivered_folder(url) as folder:
        assert (folder / "config.yaml").read_text() == "config.yaml half"
        (folder / "training.json").write_text("whole")
    assert memory.get("run/training.json") == b"whole"


def test_what_another_machine_finished_meanwhile_counts_more(memory: Memory):
    url = f"{memory.url}/run"
    stop_half_way(url)
    memory.put("run/config.yaml", b"theirs")
    memory.put("run/training.json", b"theirs")
    with delivered_folder(url) as folder:
        assert (folder / "training.json").read_text() == "theirs"
        assert not (folder / "model.safetensors").exists()


def test_a_bucket_that_fails_at_the_end_costs_nothing_that_was_made(
    s3: Bucket, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(system, "TRIES", 2)
    s3.server.fault = lambda method, path: "503 Slow Down" if method == "PUT" and "model" in path else None
    with (
        pytest.raises(WorkError, match=f"{s3.url} does not answer"),
        delivered_folder(f"{s3.url}/run") as folder,
    ):
        write_run(folder, "one")
    assert "run/training.json" not in s3.names()
    s3.server.fault = lambda method, path: None
    with delivered_folder(f"{s3.url}/run") as folder:
        assert (folder / "training.json").read_text() == "one"
    assert s3.get("run/model.safetensors") == b"model.safetensors one"
    assert not work_place(folder).exists()


def test_no_bucket_is_refused_before_the_work(s3: Bucket):
    sent = delivered_folder("s3://kinema-nowhere/run")
    with pytest.raises(UsageError, match="there is no bucket s3://kinema-nowhere"):
        sent.__enter__()
