"""Features become files in the order of their videos, flushed beside what goes on."""

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from kinema.extraction.commit import AT_ONCE, CHANGED, committed
from kinema.extraction.engine import Done
from kinema.extraction.messages import Finished
from kinema.features.sequence_file import SequenceWriter, read_sequence


def ended(folder: Path, count: int) -> list[Done[SequenceWriter]]:
    """So many videos, with as many steps as their number says, and one more."""
    videos = []
    for number in range(count):
        writer = SequenceWriter(folder / f"{number}.safetensors", 2)
        steps = number + 1
        writer.append(np.full((steps, 2), number, np.float32), [float(t) for t in range(steps)])
        videos.append(Done(number, writer, Finished()))
    return videos


@pytest.mark.parametrize("ahead", [False, True])
def test_files_are_there_when_their_videos_are_yielded(tmp_path: Path, ahead: bool) -> None:
    told: list[tuple[int, int]] = []
    videos = ended(tmp_path, 11)
    videos.insert(5, Done(99, None, Finished(error="broken")))
    numbers = []
    for done in committed(videos, lambda _: True, lambda *fact: told.append(fact), ahead=ahead):
        numbers.append(done.number)
        if done.sink is None:
            assert done.end.error == "broken"
            continue
        assert read_sequence(done.sink.path).data.shape == (done.number + 1, 2)
        assert told[-1] == (done.number, (done.number + 1) * (2 * 4 + 8))
    assert numbers == [0, 1, 2, 3, 4, 99, 5, 6, 7, 8, 9, 10]
    assert not [p for p in tmp_path.iterdir() if p.suffix != ".safetensors"]


def test_others_go_on_while_one_is_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    videos, released, taken = ended(tmp_path, AT_ONCE + 2), threading.Event(), []
    commit = SequenceWriter.commit

    def slow(writer: SequenceWriter) -> None:
        assert released.wait(30)
        commit(writer)

    monkeypatch.setattr(SequenceWriter, "commit", slow)

    def coming():
        for done in videos:
            taken.append(done.number)
            if done.number == AT_ONCE:
                released.set()  # so far none was waited for
            yield done

    found = [d.number for d in committed(coming(), lambda _: True, lambda *_: None, ahead=True)]
    assert found == taken == list(range(AT_ONCE + 2))


def test_without_ahead_each_is_yielded_before_the_next_is_taken(tmp_path: Path) -> None:
    taken = []

    def coming():
        for done in ended(tmp_path, 3):
            taken.append(done.number)
            yield done

    for done in committed(coming(), lambda _: True, lambda *_: None, ahead=False):
        assert taken == list(range(done.number + 1))


def test_a_file_that_changed_leaves_nothing(tmp_path: Path) -> None:
    told = []
    videos = committed(ended(tmp_path, 3), lambda n: n != 1, lambda *fact: told.append(fact[0]), ahead=True)
    assert [(d.number, d.sink is None, d.end.error) for d in videos] == [
        (0, False, None),
        (1, True, CHANGED),
        (2, False, None),
    ]
    assert told == [0, 2]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0.safetensors", "2.safetensors"]


def test_a_full_disk_is_raised_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        list(committed(ended(tmp_path, 2), lambda _: True, lambda *_: None, ahead=True))
    assert list(tmp_path.iterdir()) == []
