"""The API of the label page: what is sent is on the disk, and the frames are those of the file."""

from __future__ import annotations

import io
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from kinema.media.reader import VideoReader
from support.labelling import repeated


def edit(client: httpx.Client, file: int, remove: list, add: list) -> httpx.Response:
    return client.post("/api/edit", json={"file": file, "remove": remove, "add": add})


def segment(label: str | None, start: float = 0.0, end: float | None = None) -> dict:
    return {"label": label, "start": start, "end": end}


def test_an_edit_is_on_the_disk_when_it_is_answered(client: httpx.Client, labels: Path) -> None:
    project = client.get("/api/project").json()
    assert [name[-7:] for name in project["videos"]] == ["c01.mp4"] * 3 + ["c01.avi"]
    answer = edit(client, 0, [], [segment("waving", 1, 3)])
    assert answer.status_code == 200
    assert labels.read_text().splitlines()[1:] == ["set/long_g01_c01.mp4,waving,1.000,3.000"]
    (row,) = answer.json()["rows"]
    assert row == segment("waving", 1, 3) | {"file": 0, "annotator": "", "mine": True}
    version = answer.json()["version"]
    assert client.get("/api/labels", params={"version": version}).json() == {"version": version}
    edit(client, 0, [segment("waving", 1, 3)], [segment("waving", 1, 4)])
    assert client.get("/api/labels", params={"version": version}).json()["rows"][0]["end"] == 4


def test_what_is_refused_says_why(client: httpx.Client, labels: Path) -> None:
    client.get("/api/videos/0")
    for body, status, what in (
        ((0, [], [segment("waving", 3, 1)]), 400, "ends before it starts"),
        ((0, [], [segment("waving", 100, 101)]), 400, "24.0 s long"),
        ((9, [], []), 400, "no video number 9"),
    ):
        answer = edit(client, *body)
        assert (answer.status_code, what in answer.json()["error"]) == (status, True)
    assert client.post("/api/edit", content="{").status_code == 422
    edit(client, 0, [], [segment("waving", 1, 3)])
    labels.write_text(labels.read_text().replace("3.000", "5"))
    answer = edit(client, 0, [segment("waving", 1, 3)], [segment("waving", 2, 3)])
    assert answer.status_code == 409
    assert "another program" in answer.json()["error"]
    state = client.get("/api/labels").json()
    assert state["outside"]["number"] == 1
    assert len(state["outside"]["lost"]) == 1
    labels.write_text("garbage\n")
    assert client.get("/api/labels").status_code == 409
    assert edit(client, 0, [], [segment("waving", 1, 3)]).status_code == 409
    assert labels.read_text() == "garbage\n"


def test_a_disk_that_takes_nothing_is_told(
    client: httpx.Client, labels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("kinema.atomic.os.fsync", full)
    answer = edit(client, 0, [], [segment("waving", 1, 3)])
    assert (answer.status_code, "No space left" in answer.json()["error"]) == (507, True)
    assert not labels.exists()


@pytest.mark.parametrize("number", [0, 3])
def test_frames_and_their_times_are_those_of_the_file(
    client: httpx.Client, labels: Path, number: int
) -> None:
    path = sorted((labels.parent / "set").glob("long*"))[number]
    with VideoReader(path) as reader:
        frames = list(reader.read())
    shape = client.get(f"/api/videos/{number}").json()
    assert (shape["width"], shape["height"], shape["fps"]) == (96, 72, 8)
    assert shape["seconds"] == pytest.approx(24, abs=1e-6)
    for index in (150, 3, 4):
        answer = client.get(f"/api/videos/{number}/frame", params={"at": frames[index].pts_seconds + 0.01})
        assert float(answer.headers["x-seconds"]) == pytest.approx(frames[index].pts_seconds, abs=1e-5)
        shown = np.asarray(Image.open(io.BytesIO(answer.content)), float)
        others = [np.abs(shown - frame.data).mean() for frame in frames]
        assert others[index] <= min(others) + 0.5  # a JPEG, and standing still looks alike
    small = client.get(f"/api/videos/{number}/frame", params={"at": 1, "lines": 36}).content
    assert Image.open(io.BytesIO(small)).size == (48, 36)
    times = client.get(f"/api/videos/{number}/times", params={"start": 1, "end": 1.3}).json()["seconds"]
    assert times == pytest.approx([1.0, 1.125, 1.25, 1.375], abs=1e-5)


def test_the_file_comes_in_parts(client: httpx.Client, labels: Path) -> None:
    path = sorted((labels.parent / "set").glob("long*"))[1]
    answer = client.get("/api/videos/1/file", headers={"Range": "bytes=100-199"})
    assert (answer.status_code, answer.content) == (206, path.read_bytes()[100:200])
    path.unlink()
    assert client.get("/api/videos/1/file").status_code == 404


def test_a_broken_file_costs_its_own_request(client: httpx.Client, labels: Path) -> None:
    path = sorted((labels.parent / "set").glob("long*"))[2]
    path.write_bytes(b"nothing")
    answer = client.get("/api/videos/2")
    assert (answer.status_code, path.name in answer.json()["error"]) == (422, True)
    assert client.get("/api/videos/1").status_code == 200


@pytest.mark.parametrize("number", [0, 3])
def test_a_file_of_ten_hours_needs_no_more_than_its_parts(
    client: httpx.Client, labels: Path, number: int
) -> None:
    """One that browsers play, and one that they do not: the same pictures come again every 24 seconds."""
    path = sorted((labels.parent / "set").glob("long*"))[number]
    repeated(path, path.with_name("again" + path.suffix), 1500).replace(path)
    shape = client.get(f"/api/videos/{number}").json()
    assert shape["seconds"] == pytest.approx(36_000, abs=1e-3)
    late, early = (
        client.get(f"/api/videos/{number}/frame", params={"at": seconds})
        for seconds in (24 * 1499 + 5.01, 5.01)
    )
    assert float(late.headers["x-seconds"]) == pytest.approx(24 * 1499 + 5, abs=1e-3)
    assert late.content == early.content
    part = client.get(f"/api/videos/{number}/file", headers={"Range": "bytes=-1000"})
    assert (part.status_code, len(part.content)) == (206, 1000)
    edit(client, number, [], [segment("waving", 35_990, 35_999)])
    assert labels.read_text().splitlines()[1].endswith("waving,35990.000,35999.000")


def test_this_machine_alone(client: httpx.Client) -> None:
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 403
    answer = client.post("/api/edit", json={"file": 0}, headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403
    assert "Kinema label" in client.get("/").text
    assert client.get("/api/proposals").status_code == 404
