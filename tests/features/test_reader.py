"""Sequences that are read again: from memory where they fit, checked once, never stale."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from kinema.errors import WorkError
from kinema.features import reader
from kinema.features.reader import SequenceReader
from kinema.features.sequence_file import SequenceWriter, read_sequence, sequence_shape

STEPS, DIM = 10, 100
SIZE = STEPS * DIM * 4 + STEPS * 8  # bytes of one sequence in memory


def saved(path: Path, value: float = 0.0) -> Path:
    writer = SequenceWriter(path, DIM)
    writer.append(np.full((STEPS, DIM), value, np.float32), [i / 10 for i in range(STEPS)])
    writer.commit()
    return path


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """Files that were really read, and whether their values were checked."""
    seen: list[tuple[str, bool]] = []

    def watched(path: Path, *, check: bool):
        seen.append((path.name, check))
        return read_sequence(path, check=check)

    monkeypatch.setattr(reader, "read_sequence", watched)
    return seen


def test_what_fits_is_read_once(tmp_path: Path, reads: list) -> None:
    files = [saved(tmp_path / str(i), i) for i in range(3)]
    own = SequenceReader(bound=3 * SIZE)
    for _ in range(4):
        assert [own.read(f).data[0, 0] for f in files] == [0, 1, 2]
    assert reads == [("0", True), ("1", True), ("2", True)]


def test_what_does_not_fit_is_read_each_time_and_checked_once(tmp_path: Path, reads: list) -> None:
    files = [saved(tmp_path / str(i), i) for i in range(4)]
    own = SequenceReader(bound=2 * SIZE)
    for epoch in ([0, 1, 2, 3], [3, 1, 0, 2], [2, 0, 3, 1]):
        assert [own.read(files[i]).data[0, 0] for i in epoch] == epoch
    kept = [name for name, _ in reads].count
    assert [kept(str(i)) for i in range(4)] == [1, 1, 3, 3]  # none pushed another out
    assert [name for name, check in reads if check] == ["0", "1", "2", "3"]


def test_what_nobody_asks_for_any_more_makes_room(tmp_path: Path, reads: list) -> None:
    old, new = ([saved(tmp_path / f"{kind}{i}") for i in range(3)] for kind in ("old", "new"))
    own = SequenceReader(bound=3 * SIZE)
    for file in old * 2 + new * 6:
        own.read(file)
    del reads[:]
    for file in new:
        own.read(file)
    assert not reads


def test_a_file_in_the_place_of_another_is_another(tmp_path: Path, reads: list) -> None:
    file, own = saved(tmp_path / "a", 1.0), SequenceReader(bound=SIZE)
    assert own.read(file).data[0, 0] == 1
    saved(file, 2.0)
    assert own.read(file).data[0, 0] == 2
    assert own.read(file).data[0, 0] == 2
    assert reads == [("a", True), ("a", True)]
    content = bytearray(file.read_bytes())
    content[-20] ^= 1
    file.write_bytes(content)
    os.utime(file, (1, 1))
    for _ in range(2):
        with pytest.raises(WorkError, match="its values are not those that were written"):
            own.read(file)
    file.unlink()
    with pytest.raises(WorkError, match="cannot be read"):
        own.read(file)


def test_lengths_are_those_of_the_files_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, own, opened = saved(tmp_path / "a"), SequenceReader(bound=0), []
    monkeypatch.setattr(reader, "sequence_shape", lambda path: opened.append(path) or sequence_shape(path))
    assert [own.steps(file) for _ in range(3)] == [STEPS] * 3
    assert len(opened) == 1
    SequenceWriter(file, DIM).commit()
    assert own.steps(file) == 0


def test_a_container_may_have_less_than_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(reader, "_LIMIT", limit)
    whole = reader.free_memory()
    limit.write_text("max\n")
    assert reader.free_memory() > whole // 2
    limit.write_text("1000000\n")
    assert reader.free_memory() == 1_000_000
