"""Parts of an object."""

from __future__ import annotations

import io
import random

import pytest

from kinema.buckets import as_path, system
from kinema.buckets.parts import opened
from kinema.errors import BucketError
from support.buckets import Bucket


def test_parts_are_those_of_a_file(s3: Bucket):
    data = random.Random(0).randbytes(10_000)
    s3.put("a", data)
    whole = io.BytesIO(data)
    with opened(as_path(f"{s3.url}/a")) as file:
        for offset, whence, size in ((-10, 2, 10), (0, 0, 5), (7, 1, 100), (9_990, 0, 100)):
            assert file.seek(offset, whence) == whole.seek(offset, whence)
            assert file.read(size) == whole.read(size)
            assert file.tell() == whole.tell()
    assert s3.server.counted("GET") == 4


def test_what_goes_wrong(s3: Bucket, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(system, "TRIES", 2)
    with pytest.raises(FileNotFoundError), opened(as_path(f"{s3.url}/nothing")):
        pass
    s3.put("a", b"x")
    with opened(as_path(f"{s3.url}/a")) as file:
        s3.server.fault = lambda method, path: "503 Slow Down"
        with pytest.raises(BucketError, match="does not answer"):
            file.read(1)
