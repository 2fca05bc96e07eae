"""Checkpoints on a disk that fills up: one line, and nothing left behind."""

from __future__ import annotations

import errno
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from kinema.errors import WorkError
from kinema.training import checkpoint
from kinema.training.checkpoint import SafeCheckpointIO

VALUES = {"state": torch.zeros(10_000)}


class FullDisk(io.RawIOBase):
    """Takes `room` bytes and no more."""

    def __init__(self, room: int):
        self.room = room

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.room -= len(data)
        if self.room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return len(data)


@pytest.mark.parametrize("room", [0, 2_000, 40_000])
def test_a_full_disk_is_one_line(room: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def full(path: Path, mode: str) -> Iterator[FullDisk]:
        yield FullDisk(room)

    monkeypatch.setattr(checkpoint, "atomic_open", full)
    with pytest.raises(WorkError) as failure:
        SafeCheckpointIO().save_checkpoint(VALUES, tmp_path / "a.ckpt")
    assert str(failure.value) == (
        f"cannot write checkpoint {tmp_path / 'a.ckpt'} (No space left on device); free some space"
    )


def test_a_mistake_is_not_taken_for_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("not the disk")

    monkeypatch.setattr(torch, "save", broken)
    with pytest.raises(RuntimeError, match="not the disk"):
        SafeCheckpointIO().save_checkpoint(VALUES, tmp_path / "a.ckpt")
    assert not list(tmp_path.iterdir())


def test_round_trip(tmp_path: Path) -> None:
    files = SafeCheckpointIO()
    files.save_checkpoint(VALUES, tmp_path / "a.ckpt")
    assert torch.equal(files.load_checkpoint(tmp_path / "a.ckpt")["state"], VALUES["state"])
    files.remove_checkpoint(tmp_path / "a.ckpt")
    assert not list(tmp_path.iterdir())
