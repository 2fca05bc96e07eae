"""Files that appear whole: temporary names cannot be foreseen, and a link in the way is not followed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kinema import atomic
from kinema.atomic import atomic_open, temporary_name, write_text
from kinema.features.sequence_file import SequenceWriter


def test_two_temporary_names_of_one_file_differ(tmp_path: Path):
    names = {temporary_name(tmp_path / "a").name for _ in range(100)}
    assert len(names) == 100
    assert all(name.startswith(".a.") and f".{os.getpid()}." in name for name in names)


@pytest.fixture
def foreseen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of somebody else's, and a link to it where the temporary file would be."""
    monkeypatch.setattr(atomic, "token", lambda: "x0")
    victim = tmp_path / "victim"
    victim.write_text("mine")
    temporary_name(tmp_path / "out").symlink_to(victim)
    return victim


def test_a_link_in_the_way_is_not_followed(tmp_path: Path, foreseen: Path):
    with pytest.raises(FileExistsError):
        write_text(tmp_path / "out", "new")
    assert foreseen.read_text() == "mine"
    with pytest.raises(FileExistsError):
        SequenceWriter(tmp_path / "out", 3)
    assert foreseen.read_text() == "mine"


def test_an_older_file_is_replaced_and_nothing_is_left(tmp_path: Path):
    for text in ("one", "two"):
        with atomic_open(tmp_path / "out") as file:
            file.write(text)
    assert (tmp_path / "out").read_text() == "two"
    assert os.listdir(tmp_path) == ["out"]
