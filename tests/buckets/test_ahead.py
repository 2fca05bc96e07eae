"""What is fetched before it is asked for."""

from __future__ import annotations

import time
from pathlib import Path

from kinema.buckets import as_path
from kinema.buckets.ahead import fetched_ahead
from support.buckets import Bucket


def test_files_of_this_machine_are_passed_on(tmp_path: Path):
    paths = [tmp_path / str(number) for number in range(5)]
    assert list(fetched_ahead(paths, lambda path: path, 2)) == paths
    assert list(fetched_ahead([], lambda path: path, 2)) == []


def test_objects_come_in_order_and_a_bounded_number_ahead(s3: Bucket):
    for number in range(10):
        s3.put(f"{number}", b"x")
    paths = [as_path(f"{s3.url}/{number}") for number in range(10)]
    items = fetched_ahead(paths, lambda path: path, 3)
    assert next(items) == paths[0]
    deadline = time.monotonic() + 20
    while s3.server.counted("GET") < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert 3 <= s3.server.counted("GET") <= 4
    assert list(items) == paths[1:]
    assert s3.server.counted("GET") == 10


def test_what_cannot_be_fetched_is_left_to_its_reader(s3: Bucket):
    s3.put("there", b"x")
    paths = [as_path(f"{s3.url}/nothing"), as_path(f"{s3.url}/there")]
    assert list(fetched_ahead(paths, lambda path: path, 2)) == paths
