"""A run that was taught segments behind the server: what `predict --timeline` finds, and as files."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from kinema.inference.answers import segment_facts
from kinema.inference.predictor import LoadedRun
from kinema.inference.segment_files import write_segments
from kinema.inference.timeline import found_segments
from kinema.live.timeline import LiveTimeline
from kinema.media.reader import VideoReader
from kinema.serve.app import create_app
from kinema.serve.guard import Access
from kinema.serve.limits import Limits
from kinema.serve.pictures import read_picture, written_picture
from kinema.serve.scratch import Scratch
from kinema.serve.service import Service, Shelf
from kinema.types import Segment
from support.serving import served


@pytest.fixture(scope="module")
def run(taught_run: LoadedRun) -> LoadedRun:
    return taught_run


@pytest.fixture(scope="module")
def video(long_set: Path) -> Path:
    return sorted(long_set.glob("*.mp4"))[0]


@pytest.fixture(scope="module")
def site(run: LoadedRun, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    scratch = Scratch(tmp_path_factory.mktemp("scratch"))
    with Service(run, scratch, limits=Limits(), shelf=Shelf(), workers=1) as service:
        with served(create_app(service, scratch, Access())) as url:
            yield url
        assert list(scratch.folder.iterdir()) == []


def post(site: str, path: str, video: Path, **headers: str) -> httpx.Response:
    files = {"file": (video.name, video.read_bytes())}
    return httpx.post(site + path, files=files, headers=headers, timeout=60)


def test_segments_are_those_of_predict(site: str, run: LoadedRun, video: Path) -> None:
    expected = segment_facts(one.segment for one in found_segments(run, video))
    assert expected
    assert post(site, "/api/timeline", video).json() == [{"video": video.name, "timeline": expected}]
    least = sorted(row["score"] for row in expected)[len(expected) // 2]
    (found,) = post(site, f"/api/timeline?min_score={least}", video).json()
    assert found["timeline"] == [row for row in expected if row["score"] >= least]
    assert httpx.get(site + "/api/model").json()["timeline"] is True
    answer = post(site, "/api/timeline?whole=true&moments=true", video, Accept="application/x-ndjson")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    windows = [line["window"] for line in lines if "window" in line]
    assert (lines[0].keys(), lines[1]["windows"]) == ({"answer"}, len(windows))
    assert all(a["end"] == b["start"] for a, b in pairwise(windows))
    assert lines[-2]["timeline"] == expected
    best = sorted(sorted(expected, key=lambda row: -row["score"])[:12], key=lambda row: row["start"])
    assert [(row["label"], row["start"]) for row in lines[-1]["moments"]] == [
        (row["label"], row["start"]) for row in best
    ]


@pytest.mark.parametrize("form", ["json", "csv", "srt", "eaf"])
def test_downloads_are_the_files_of_predict(
    site: str, run: LoadedRun, tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        {"start": 1.5, "end": 4.0, "label": "waving", "score": 0.75},
        {"start": 2.0, "end": 3.0, "label": "squatting, twice", "score": None},
        {"start": 5.0, "end": 6.0, "label": None, "score": 0.1},
    ]
    answer = httpx.post(f"{site}/api/segments?form={form}", json={"video": "../a film.mp4", "timeline": rows})
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == "attachment"
    monkeypatch.chdir(tmp_path)
    segments = [Segment(str(r["label"]), r["start"], r["end"], r["score"]) for r in rows if r["label"]]
    folder = tmp_path if form == "eaf" else Path()
    write_segments(folder / f"out.{form}", folder / "a film.mp4", segments, ["squatting, twice", "waving"])
    assert answer.text == (tmp_path / f"out.{form}").read_text().replace(f"file://{tmp_path}/", "file:///")
    assert str(Path.cwd()) not in answer.text
    bad = httpx.post(f"{site}/api/segments", json={"video": "x", "timeline": [rows[0] | {"end": 1.5}]})
    assert (bad.status_code, "ends after it starts" in bad.json()["error"]) == (400, True)


def test_a_webcam_says_what_is_on(site: str, run: LoadedRun, video: Path) -> None:
    alone, said, expected = LiveTimeline(run), [], []
    with connect(site.replace("http", "ws") + "/api/live") as socket, VideoReader(video) as reader:
        socket.send(json.dumps({"token": ""}))
        assert "carries its state" in json.loads(socket.recv(timeout=30))["ready"]
        for frame in reader.read(lambda index, _: index < 40):
            jpeg = written_picture(frame.data, 72)
            socket.send(struct.pack(">d", frame.pts_seconds) + jpeg)
            said.append(json.loads(socket.recv(timeout=30))["decision"])
            moments = alone.feed(read_picture(jpeg, Limits()), frame.pts_seconds)
            expected.append(moments[-1].as_json() if moments else None)
    assert sum(one is not None for one in said) > 5
    for a, b in zip(said, expected, strict=True):
        assert (a is None) == (b is None)
        if a and b:
            assert a["label"] == b["label"]
            assert a["score"] == pytest.approx(b["score"], abs=1e-5)
