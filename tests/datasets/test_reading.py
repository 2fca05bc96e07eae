"""A dataset while it is being read: the same records as read at once, as they are found."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from kinema.datasets import LAYOUTS, Layout, load_dataset
from kinema.datasets.dataset import Dataset
from kinema.datasets.reading import DatasetReading
from kinema.errors import UsageError
from kinema.types import VideoRecord


def touch(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def told(data: Path, **options) -> tuple[list[VideoRecord], Dataset]:
    reading = DatasetReading(data, **options)
    return list(reading), reading.dataset()


def in_memory(dataset: Dataset) -> Dataset:
    return replace(dataset, records=tuple(dataset.records))


TREES = {
    "classes": ["a/1.mp4", "a/deeper/2.mp4", "b/3.mp4", "b/.hidden.mp4", "c/readme.txt"],
    "splits": ["train/a/1.mp4", "train/b/2.mp4", "test/a/3.mp4", "other/x.mp4"],
    "loose": ["1.mp4", "2.avi"],
}


@pytest.mark.parametrize("names", TREES.values(), ids=list(TREES))
def test_a_folder_tells_what_it_holds(tmp_path: Path, names: list[str]) -> None:
    whole = load_dataset(touch(tmp_path, *names))
    records, dataset = told(tmp_path)
    assert (tuple(records), in_memory(dataset)) == (whole.records, whole)


ROWS = {
    "without splits": "file_name,label\n1.mp4,a\n2.mp4,b\n1.mp4,a\nabsent.mp4,a\n",
    "with splits": "file_name,label,split\n1.mp4,a,train\n2.mp4,b,test\n3.mp4,a,\n",
    "a blank column": "file_name,label,split\n1.mp4,a,\n2.mp4,b,\n",
    "parts": "file_name,label,start,end\n1.mp4,a,0,1\n1.mp4,b,1,2\n",
}


@pytest.mark.parametrize("text", ROWS.values(), ids=list(ROWS))
def test_a_csv_tells_the_rows_that_count(tmp_path: Path, text: str) -> None:
    touch(tmp_path, "1.mp4", "2.mp4", "3.mp4")
    (tmp_path / "v.csv").write_text(text)
    whole = load_dataset(tmp_path / "v.csv")
    records, dataset = told(tmp_path / "v.csv")
    assert (tuple(records), in_memory(dataset)) == (whole.records, whole)


def test_a_layout_that_knows_all_at_the_end_tells_them_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scan(root: Path, *, split: int | None = None) -> Dataset:
        return Dataset("plain", root, ("a",), (VideoRecord(root / "1.mp4", "a"),))

    monkeypatch.setitem(LAYOUTS, "plain", Layout(scan, lambda path: False))
    records, dataset = told(tmp_path, layout="plain")
    assert tuple(records) == dataset.records


def test_the_first_record_comes_while_others_are_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = threading.Event()

    def scan(root: Path, *, split: int | None = None, found) -> Dataset:
        records = (VideoRecord(root / "1.mp4", "a"), VideoRecord(root / "2.mp4", "a"))
        found(records[0])
        assert seen.wait(60), "the second is found after the first was seen"
        found(records[1])
        return Dataset("slow", root, ("a",), records)

    monkeypatch.setitem(LAYOUTS, "slow", Layout(scan, lambda path: False, streamed=True))
    reading = DatasetReading(tmp_path, layout="slow")
    records = iter(reading)
    assert next(records).path.name == "1.mp4"
    assert not reading.complete
    seen.set()
    assert [r.path.name for r in records] == ["2.mp4"]
    assert len(reading) == 2


def test_what_is_wrong_is_raised_by_who_asks(tmp_path: Path) -> None:
    touch(tmp_path, "1.mp4")
    (tmp_path / "v.csv").write_text("file_name,label\n1.mp4,a\n1.mp4\n")
    reading = DatasetReading(tmp_path / "v.csv")
    for ask in (lambda: list(reading), reading.dataset, lambda: reading.wait(60)):
        with pytest.raises(UsageError, match=r"v\.csv line 3: 1 field"):
            ask()


def test_it_ends_when_nobody_wants_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Event()

    def scan(root: Path, *, split: int | None = None, found) -> Dataset:
        for number in range(10**9):
            found(VideoRecord(root / f"{number}.mp4"))
            begun.set()
        raise AssertionError

    monkeypatch.setitem(LAYOUTS, "endless", Layout(scan, lambda path: False, streamed=True))
    reading = DatasetReading(tmp_path, layout="endless")
    assert begun.wait(60)
    reading.stop()
    reading._thread.join(60)
    assert reading.complete
