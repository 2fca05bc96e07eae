"""Packing: nothing is lost, whatever stops it, and stores that hold the same come out the same."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from features.test_shard import key, sequence
from kinema.errors import WorkError
from kinema.features import packing, shard, shards, stored
from kinema.features.reader import SequenceReader
from kinema.features.store import FeatureStore, Shelf

SETTINGS = {"what": "test"}


def filled(root: Path, numbers: list[int]) -> Shelf:
    shelf = FeatureStore(root).shelf("rgb", SETTINGS)
    for number in numbers:
        put(shelf, number)
    return shelf


def put(shelf: Shelf, number: int) -> None:
    written = sequence(number, steps=number % 5)
    writer = shelf.writer(key(number), 4)
    writer.append(written.data, list(written.pts_seconds))
    writer.commit()


def check(shelf: Shelf, numbers: list[int]) -> None:
    for number in numbers:
        path, written = shelf.path(key(number)), sequence(number, steps=number % 5)
        assert key(number) in shelf
        assert stored.is_stored(path)
        np.testing.assert_array_equal(stored.read_sequence(path).data, written.data)
        np.testing.assert_array_equal(stored.read_sequence(path).pts_seconds, written.pts_seconds)
        assert stored.sequence_shape(path) == (number % 5, 4)
        if len(written) > 2:
            np.testing.assert_array_equal(stored.read_steps(path, 1, 3), written.data[1:3])


def files(shelf: Shelf) -> dict[str, bytes]:
    return {
        p.relative_to(shelf.folder).as_posix(): p.read_bytes()
        for p in shelf.folder.rglob("*")
        if p.is_file() and not p.name.startswith(".")
    }


def test_what_was_packed_is_found_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shard, "MOST_ROWS", 8)
    numbers = list(range(30))
    shelf = filled(tmp_path, numbers)
    check(shelf, numbers)
    packing.pack(shelf.folder)
    assert not list(shelf.folder.rglob("*.safetensors"))
    assert len(list((shelf.folder / "shards").glob("*.arrow"))) == 4
    check(shelf, numbers)
    check(FeatureStore(tmp_path).shelf("rgb", SETTINGS), numbers)
    assert key(99) not in shelf
    assert not stored.is_stored(shelf.path(key(99)))
    assert stored.stored_size(shelf.path(key(99))) == 0
    assert stored.stored_size(shelf.path(key(4))) == 4 * (4 * 4 + 8)
    with pytest.raises(WorkError, match="cannot be read"):
        stored.read_sequence(shelf.path(key(99)))


def test_few_files_stay_files_and_many_are_packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(packing, "MANY_FILES", 10)
    shelf = filled(tmp_path, list(range(10)))
    shelf.finish()
    assert len(list(shelf.folder.rglob("*.safetensors"))) == 10
    put(shelf, 10)
    shelf.finish()
    assert not list(shelf.folder.rglob("*.safetensors"))
    check(shelf, list(range(11)))


def test_stores_that_hold_the_same_are_packed_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shard, "MOST_ROWS", 7)
    numbers = list(range(20))
    other = random.Random(1).sample(numbers, len(numbers))
    first, second = filled(tmp_path / "a", numbers), filled(tmp_path / "b", other)
    packing.pack(first.folder)
    packing.pack(second.folder)
    assert files(first) == files(second)


def test_a_file_that_is_damaged_stays_and_stops_nothing(tmp_path: Path):
    numbers = list(range(6))
    shelf = filled(tmp_path, numbers)
    bad = shelf.path(key(3))
    data = bytearray(bad.read_bytes())
    data[-1] ^= 1
    bad.write_bytes(data)
    packing.pack(shelf.folder)
    assert list(shelf.folder.rglob("*.safetensors")) == [bad]
    check(shelf, [n for n in numbers if n != 3])
    with pytest.raises(WorkError, match="not those that were written"):
        stored.read_sequence(bad)


def test_a_shard_that_is_cut_off_is_named_left_out_and_made_anew(tmp_path: Path):
    numbers = list(range(6))
    shelf = filled(tmp_path, numbers)
    packing.pack(shelf.folder)
    (path,) = (shelf.folder / "shards").glob("*.arrow")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    again = FeatureStore(tmp_path).shelf("rgb", SETTINGS)
    (said,) = again.damaged()
    assert path.name in said
    assert "computed anew" in said
    assert not any(key(n) in again for n in numbers)
    for number in numbers:
        put(again, number)
    packing.pack(again.folder)
    assert again.damaged() == []
    check(again, numbers)


def test_both_there_is_as_good_as_one(tmp_path: Path):
    numbers = list(range(6))
    shelf = filled(tmp_path, numbers)
    shutil.copytree(shelf.folder, tmp_path / "copy")
    packing.pack(shelf.folder)
    shutil.copytree(tmp_path / "copy", shelf.folder, dirs_exist_ok=True)
    check(shelf, numbers)
    packing.pack(shelf.folder)
    assert len(list((shelf.folder / "shards").glob("*.arrow"))) == 1
    check(shelf, numbers)


def test_what_another_process_packs_meanwhile_is_found(tmp_path: Path):
    numbers = list(range(6))
    shelf = filled(tmp_path, numbers)
    reader = SequenceReader(bound=0)
    paths = [shelf.path(key(n)) for n in numbers]
    before = [reader.read(path).data for path in paths]
    code = "import sys, pathlib; from kinema.features.packing import pack; pack(pathlib.Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", code, str(shelf.folder)], check=True)
    assert not any(path.exists() for path in paths)
    for path, data in zip(paths, before, strict=True):
        np.testing.assert_array_equal(reader.read(path).data, data)
        assert reader.steps(path) == len(data)


KILLED = """
import os, signal, sys
from pathlib import Path
from kinema.features import packing, shard
shard.MOST_ROWS = 5
stop, real = int(sys.argv[2]), [os.replace, Path.unlink]
left = [stop]
def counted(function):
    def call(*args, **options):
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **options)
    return call
os.replace, Path.unlink = counted(real[0]), counted(real[1])
packing.pack(Path(sys.argv[1]))
"""


@pytest.mark.parametrize("stop", [0, 1, 3, 6, 9])
def test_a_kill_while_packing_loses_nothing(tmp_path: Path, stop: int):
    numbers = list(range(12))
    shelf = filled(tmp_path, numbers)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(shelf.folder), str(stop)], check=False)
    assert killed.returncode == -signal.SIGKILL
    shards._shards.clear()
    check(shelf, numbers)
    packing.pack(shelf.folder)
    assert not list(shelf.folder.rglob("*.safetensors"))
    check(shelf, numbers)


def test_one_process_at_a_time_packs(tmp_path: Path):
    from filelock import FileLock

    shelf = filled(tmp_path, [1, 2])
    with FileLock(shelf.folder / ".pack.lock"):
        packing.pack(shelf.folder)
    assert len(list(shelf.folder.rglob("*.safetensors"))) == 2
    assert os.listdir(shelf.folder / key(1)[:2])
