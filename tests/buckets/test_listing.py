"""What is in a bucket, and how many requests it takes to know."""

from __future__ import annotations

from pathlib import Path

import pytest

from kinema.buckets import as_path
from kinema.buckets.listing import entries, forget, fresh_mark, mark, marks
from support.buckets import Bucket


def test_a_folder_is_listed_once_with_all_its_pages(s3: Bucket):
    s3.put_many(f"many/{number:04d}.avi" for number in range(1005))
    folder = as_path(f"{s3.url}/many")
    assert len(entries(folder)) == 1005
    assert all((folder / f"{number:04d}.avi").is_file() for number in range(1005))
    assert not (folder / "1005.avi").exists()
    assert s3.server.counted("LIST") == 2
    assert s3.server.counted("HEAD") == 0


def test_a_few_objects_are_asked_for_one_by_one_and_many_by_their_folder(s3: Bucket):
    s3.put_many(f"f/{number}" for number in range(50))
    paths = [as_path(f"{s3.url}/f/{number}") for number in range(50)]
    assert marks(paths[:5]).keys() == set(paths[:5])
    assert s3.server.counted("LIST") == 0
    assert marks(paths).keys() == set(paths)
    assert s3.server.counted("HEAD") < 40
    assert s3.server.counted("LIST") > 0


def test_a_mark_tells_versions_apart(s3: Bucket):
    s3.put("a", b"one")
    path = as_path(f"{s3.url}/a")
    first = fresh_mark(path)
    assert first is not None
    assert first.size == 3
    assert fresh_mark(path) == first
    s3.put("a", b"two")
    assert fresh_mark(path) != first
    listed = entries(as_path(s3.url))["a"]
    assert listed == fresh_mark(path), "a listing and a question give one mark"
    s3.remove("a")
    assert fresh_mark(path) is None
    assert mark(path) == listed, "what was listed is believed"
    forget(path)
    assert mark(path) is None


def test_what_is_not_there(s3: Bucket):
    for url in (f"{s3.url}/nothing", "s3://kinema-nowhere/a"):
        with pytest.raises(FileNotFoundError):
            entries(as_path(url))
        assert mark(as_path(url)) is None


def test_an_object_and_a_folder_of_one_name(s3: Bucket):
    s3.put("a", b"x")
    s3.put("a/b", b"x")
    s3.put("marked/", b"")
    path = as_path(f"{s3.url}/a")
    assert path.is_file()
    assert sorted(Path(p).name for p in as_path(s3.url).iterdir()) == ["a", "marked"]
