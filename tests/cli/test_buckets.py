"""URLs on the command line: what is printed, what is sent, and what is refused in one line."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from support.buckets import Bucket
from support.called import Call


@pytest.fixture
def run(s3: Bucket, tiny_run: Path, tiny_videos: Path) -> str:
    """The URL of a run, with the videos beside it."""
    s3.put_tree(tiny_run, "run")
    for file in tiny_videos.parent.glob("waving/*.mp4"):
        s3.put(f"new/{file.name}", file.read_bytes())
    return f"{s3.url}/run"


def test_predict_speaks_of_urls(call: Call, s3: Bucket, run: str, tiny_run: Path, tiny_videos: Path):
    names = sorted(s3.names("new/"))
    rows = json.loads(call("predict", run, f"{s3.url}/new", "--json", "--csv", f"{s3.url}/out/a.csv").out)
    assert [row["video"] for row in rows] == [f"{s3.url}/{name}" for name in names]
    found = list(csv.DictReader(io.StringIO(s3.get("out/a.csv").decode())))
    assert [row["video"] for row in found] == [row["video"] for row in rows]
    here = json.loads(call("predict", tiny_run, tiny_videos.parent / "waving", "--json").out)
    assert [row["top"] for row in rows] == [row["top"] for row in here]


def test_globs_and_lists_are_meant_as_on_a_disk(call: Call, s3: Bucket, run: str):
    name = sorted(s3.names("new/"))[0]
    s3.put("list.txt", f"{s3.url}/{name}\n".encode())
    by_glob = call("predict", run, f"{s3.url}/new/{Path(name).stem[:-1]}?.mp4", "--json")
    by_list = call("predict", run, "--files", f"{s3.url}/list.txt", "--json")
    for answered in (by_glob, by_list):
        assert f"{s3.url}/{name}" in [row["video"] for row in json.loads(answered.out)]


def test_an_archive_is_sent_when_it_is_done(call: Call, s3: Bucket, run: str):
    answered = call("predict", run, f"{s3.url}/new", "--out", f"{s3.url}/answers.parquet")
    assert answered.code == 0, answered.err
    assert f"{s3.url}/answers.parquet: 4 videos" in answered.out
    assert s3.names("answers") == ["answers.parquet"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("predict", "{url}/nothing", "{url}/new"), "{url}/nothing is not a run folder"),
        (("predict", "{url}/run", "{url}/new/none.mp4"), "no file {url}/new/none.mp4"),
        (
            ("predict", "{url}/run", "{url}/new", "--csv", "s3://kinema-nowhere/a.csv"),
            "no bucket s3://kinema-nowhere",
        ),
        (("train", "{url}/nothing", "--out", "{url}/x"), "{url}/nothing does not exist"),
        (("export", "{url}/run", "--format", "torch", "--out", "{url}/x"), "{url}/x is in a bucket"),
        (("index", "{url}/x.parquet"), "{url}/x.parquet is in a bucket"),
        (("label", "{url}/new", "--out", "a.csv"), "{url}/new is in a bucket"),
    ],
)
def test_refusals(call: Call, s3: Bucket, run: str, arguments: tuple[str, ...], said: str):
    called = call(*(argument.format(url=s3.url) for argument in arguments))
    assert called.code == 2
    assert said.format(url=s3.url) in called.err
    assert called.err.strip().count("\n") <= 1
    assert "Traceback" not in called.err
