"""What the routes answer, against the same run asked in this process."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import asdict
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from kinema.inference.anomaly import LoadedDetector
from kinema.inference.answers import prediction_facts, timeline_facts, verdict_facts, verdicts_facts
from kinema.inference.predictor import LoadedRun
from kinema.inference.search import search
from kinema.inference.segments import segments
from kinema.media.probe import probe
from kinema.serve.service import Shelf

LINES = {"Accept": "application/x-ndjson"}


def post(client: httpx.Client, path: str, file: Path, **options) -> httpx.Response:
    return client.post(path, files={"file": (file.name, file.read_bytes())}, **options)


def test_predict_is_what_the_run_says(client: httpx.Client, loaded: LoadedRun, clips: list[Path]) -> None:
    for clip in clips[:3]:
        answer = post(client, "/api/predict", clip)
        assert answer.status_code == 200, answer.text
        assert answer.json() == [{"video": clip.name, **prediction_facts(loaded.predict(clip))}]
    assert answer.headers["cache-control"] == "no-store"


def test_options_mean_what_they_mean_on_the_command_line(
    client: httpx.Client, loaded: LoadedRun, clips: list[Path]
) -> None:
    answer = post(client, "/api/predict?top=1&min_score=1", clips[0])
    (facts,) = answer.json()
    assert facts == {"video": clips[0].name, **prediction_facts(loaded.predict(clips[0]), 1, 1.0)}
    assert facts["unknown"] is True
    refused = post(client, "/api/predict?risk=0.05", clips[0])
    assert (refused.status_code, "no held-out scores" in refused.json()["error"]) == (400, True)
    both = post(client, "/api/predict?risk=0.05&min_score=0.2", clips[0])
    assert (both.status_code, "give one of them" in both.json()["error"]) == (400, True)


@pytest.mark.parametrize("windows", [False, True])
def test_timeline(client: httpx.Client, loaded: LoadedRun, clips: list[Path], windows: bool) -> None:
    answer = post(client, f"/api/timeline?window=0.5&stride=0.25&windows={windows}", clips[0])
    raw = loaded.timeline(clips[0], window_seconds=0.5, stride_seconds=0.25)
    shown = raw if windows else segments(raw)
    assert answer.json() == [{"video": clips[0].name, "timeline": timeline_facts(shown)}]


def test_a_streamed_timeline_says_the_same_line_by_line(
    client: httpx.Client, loaded: LoadedRun, clips: list[Path]
) -> None:
    path = "/api/timeline?window=0.5&stride=0.25&whole=true&moments=true"
    lines = [json.loads(line) for line in post(client, path, clips[0], headers=LINES).text.splitlines()]
    raw = loaded.timeline(clips[0], window_seconds=0.5, stride_seconds=0.25)
    assert lines[0] == {"answer": prediction_facts(loaded.predict(clips[0]))}
    assert lines[1] == {"video": clips[0].name, "windows": len(raw)}
    assert [line["window"] for line in lines[2:-2]] == timeline_facts(raw)
    assert lines[-2] == {"timeline": timeline_facts(segments(raw))}
    strip = lines[-1]["strip"]
    with Image.open(io.BytesIO(base64.b64decode(strip["jpeg"]))) as image:
        assert image.size == (strip["width"], strip["height"])
    frames = [at for moment in lines[-1]["moments"] for at in moment["frames"]]
    assert sorted(frames) == list(range(strip["columns"]))


def test_embed_and_search(client: httpx.Client, loaded: LoadedRun, clips: list[Path], shelf: Shelf) -> None:
    facts = post(client, "/api/embed", clips[0]).json()
    vector = loaded.embed(clips[0])
    np.testing.assert_array_equal(np.float32(facts["vector"]), vector)
    assert (facts["video"], facts["fingerprint"]) == (clips[0].name, loaded.fingerprint)
    assert shelf.embeddings is not None
    hits = post(client, "/api/search?top=4", clips[0]).json()
    assert hits == [asdict(hit) for hit in search(shelf.embeddings, vector, top=4)]
    assert Path(hits[0]["path"]).name == clips[0].name


def test_anomaly(client: httpx.Client, loaded: LoadedRun, clips: list[Path], shelf: Shelf) -> None:
    assert shelf.detector is not None
    detector = LoadedDetector(shelf.detector, loaded)
    name = {"video": clips[1].name}
    assert post(client, "/api/anomaly", clips[1]).json() == [name | verdict_facts(detector.score(clips[1]))]
    along = post(client, "/api/anomaly?timeline=true&window=0.5", clips[1]).json()
    assert along == [name | {"timeline": verdicts_facts(detector.timeline(clips[1], window_seconds=0.5))}]


def test_a_preview_plays_as_long(client: httpx.Client, clips: list[Path], tmp_path: Path) -> None:
    answer = post(client, "/api/preview", clips[0])
    assert answer.headers["content-type"] == "video/mp4"
    file = tmp_path / "preview.mp4"
    file.write_bytes(answer.content)
    made, given = probe(file), probe(clips[0])
    assert (made.codec, made.num_frames, made.width) == ("h264", given.num_frames, given.width)


def test_files_below_the_root_may_be_named(
    client: httpx.Client, loaded: LoadedRun, clips: list[Path], shelf: Shelf, tmp_path: Path
) -> None:
    assert shelf.root is not None
    inside = clips[0].relative_to(shelf.root)
    answer = client.post("/api/predict", params={"path": str(inside)})
    assert answer.json() == [{"video": clips[0].name, **prediction_facts(loaded.predict(clips[0]))}]
    outside = tmp_path / "secret.mp4"
    outside.write_bytes(clips[0].read_bytes())
    link = shelf.root / "link.mp4"
    link.symlink_to(outside)
    try:
        for path in ("link.mp4", str(outside), "../x", "gone.mp4", ".", "a\0b", "x" * 5000):
            refused = client.post("/api/predict", params={"path": path})
            assert (refused.status_code, refused.json()["error"][:21]) == (404, "there is no such file"), path
    finally:
        link.unlink()
