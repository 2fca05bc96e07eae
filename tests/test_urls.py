"""URLs as paths, and back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinema.errors import UsageError, printable
from kinema.urls import as_url, full_name, in_bucket, is_url, url_path, with_urls

LETTERS = st.characters(blacklist_characters="/\\\0", blacklist_categories=("Cs",))
PARTS = st.text(LETTERS, min_size=1, max_size=8)
KEYS = st.lists(PARTS.filter(lambda part: part not in (".", "..")), min_size=1, max_size=4)


@given(bucket=st.sampled_from(["b", "my-bucket", "a.b.c"]), parts=KEYS)
def test_a_url_comes_back_from_its_path(bucket: str, parts: list[str]):
    url = "/".join((f"s3://{bucket}", *parts))
    path = Path(url_path(url))
    assert in_bucket(path)
    assert as_url(path) == url
    # What is done to paths on the way does it no harm.
    assert as_url(Path(os.path.abspath(path))) == url
    assert as_url(path.parent / path.name) == url


def test_a_url_that_lost_a_slash_on_the_way_is_one_still():
    assert is_url(Path("s3://bucket/key"))
    assert url_path(Path("gs://bucket/key")) == "/gs:/bucket/key"
    assert as_url(Path("s3://bucket/key")) == "s3://bucket/key"


@pytest.mark.parametrize(
    "text", ["videos", "./s3", "/data/a.mp4", "C:/videos", "C:\\videos", "a:b", "s3:", "s3://"]
)
def test_other_paths_are_none(text: str):
    assert not is_url(text)
    assert not in_bucket(text)
    assert as_url(text) == text


def test_errors_speak_of_urls():
    assert str(UsageError("no videos in /s3:/bucket/videos; put some there")) == (
        "no videos in s3://bucket/videos; put some there"
    )
    assert printable("(/gs:/a/b)") == "(gs://a/b)"
    assert with_urls("12:/34, http://host/s3:/x and C:/videos") == "12:/34, http://host/s3:/x and C:/videos"


def test_the_full_name_of_a_file_is_a_url_or_an_absolute_path():
    assert full_name("s3://bucket/key") == full_name("/s3:/bucket/key") == "s3://bucket/key"
    assert full_name("a.mp4") == os.path.abspath("a.mp4")
