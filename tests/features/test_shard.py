"""Shards: what was written comes back, rows alone, and damage is never believed."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from kinema.errors import WorkError
from kinema.features import shard
from kinema.features.shard import UNREADABLE, Shard, ShardIndex, planned, read_index, write_shard
from kinema.types import FeatureSequence


def key(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()[:32]


def sequence(number: int, steps: int = 3, dim: int = 4) -> FeatureSequence:
    random = np.random.default_rng(number)
    data = random.standard_normal((steps, dim)).astype(np.float32)
    return FeatureSequence(data, np.arange(steps) / 8, present=steps > 0)


def made(path: Path, lengths: tuple[int, ...] = (3, 0, 7)) -> ShardIndex:
    index = ShardIndex([key(n) for n in range(len(lengths))], list(lengths), 4)
    with path.open("wb") as file:
        write_shard(file, index, (sequence(n, steps) for n, steps in enumerate(lengths)))
    return index


def test_rows_come_back(tmp_path: Path):
    index = made(tmp_path / "s.arrow")
    with pa.OSFile(str(tmp_path / "s.arrow")) as file:
        assert read_index(file) == index
    opened = Shard(tmp_path / "s.arrow", "s")
    for number, steps in enumerate(index.steps):
        row, written = opened.row(number, key(number)), sequence(number, steps)
        np.testing.assert_array_equal(row.data, written.data)
        np.testing.assert_array_equal(row.pts_seconds, written.pts_seconds)
        assert row.present == (steps > 0)


def test_it_is_ordinary_arrow(tmp_path: Path):
    made(tmp_path / "s.arrow")
    rows = pa.ipc.open_file(pa.memory_map(str(tmp_path / "s.arrow"))).read_all().to_pylist()
    for number, row in enumerate(rows):
        written = sequence(number, row["steps"])
        assert row["key"] == key(number)
        assert row["dim"] == 4
        assert row["data"] == written.data.tobytes()
        digest = hashlib.sha256(written.data.tobytes() + written.pts_seconds.tobytes())
        assert row["sha256"] == digest.hexdigest()


def test_what_it_holds_is_known_by_its_end(tmp_path: Path):
    index = made(tmp_path / "s.arrow", (1000, 1000, 1000))
    read = []

    class Counting(io.FileIO):
        def read(self, size: int = -1) -> bytes:
            found = super().read(size)
            read.append(len(found))
            return found

    with Counting(tmp_path / "s.arrow") as file:
        assert read_index(pa.PythonFile(file, mode="r")) == index
    assert sum(read) < (tmp_path / "s.arrow").stat().st_size / 10


def test_the_same_rows_make_the_same_bytes(tmp_path: Path):
    first, second = made(tmp_path / "a.arrow"), made(tmp_path / "b.arrow")
    assert (tmp_path / "a.arrow").read_bytes() == (tmp_path / "b.arrow").read_bytes()
    assert first.name == second.name
    assert first.name != made(tmp_path / "c.arrow", (3, 0)).name


@pytest.mark.parametrize("kept", [0, 5, 100, 0.5, 0.99])
def test_a_half_written_shard_is_none(tmp_path: Path, kept: float):
    made(tmp_path / "s.arrow")
    whole = (tmp_path / "s.arrow").read_bytes()
    (tmp_path / "s.arrow").write_bytes(whole[: int(kept if kept >= 1 else kept * len(whole))])
    with pytest.raises(UNREADABLE):
        read_index(pa.OSFile(str(tmp_path / "s.arrow")))
    with pytest.raises(WorkError, match=r"shard named of the features cannot be read .*; delete it"):
        Shard(tmp_path / "s.arrow", "named")


def test_damaged_values_are_never_believed(tmp_path: Path):
    made(tmp_path / "s.arrow", (50,))
    data = bytearray((tmp_path / "s.arrow").read_bytes())
    place = data.find(sequence(0, 50).data.tobytes())
    data[place + 40] ^= 1
    (tmp_path / "s.arrow").write_bytes(data)
    opened = Shard(tmp_path / "s.arrow", "named")
    with pytest.raises(WorkError, match="its values are not those that were written"):
        opened.row(0, key(0))
    with pytest.raises(WorkError, match="has another key"):
        opened.row(0, key(1))
    with pytest.raises(WorkError, match="named"):
        opened.row(1, key(1))


def test_another_file_is_no_shard(tmp_path: Path):
    with pa.OSFile(str(tmp_path / "s.arrow"), "wb") as file:
        table = pa.table({"a": [1]})
        with pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
    with pytest.raises(UNREADABLE):
        read_index(pa.OSFile(str(tmp_path / "s.arrow")))


def test_the_plan_depends_on_keys_and_sizes_alone(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shard, "MOST_ROWS", 3)
    monkeypatch.setattr(shard, "MOST_BYTES", 100)
    sizes = {key(n): 10 + 17 * n for n in range(12)}
    plan = list(planned(sizes.items()))
    assert list(planned(reversed(sizes.items()))) == plan
    assert [k for keys in plan for k in keys] == sorted(sizes)
    for keys in plan:
        assert len(keys) <= 3
        assert len(keys) == 1 or sum(sizes[k] for k in keys) <= 100
