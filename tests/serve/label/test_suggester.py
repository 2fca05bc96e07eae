"""What a run proposes is what `predict` finds, less what is marked; its features are those of training."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from kinema.features.sequence_file import read_sequence
from kinema.features.store import FeatureStore
from kinema.inference.load import load
from kinema.inference.predictor import LoadedRun
from kinema.inference.timeline import found_segments
from kinema.labelling.videos import videos_of
from kinema.resources import Resources
from kinema.serve.label.suggester import Suggester
from kinema.serve.limits import Limits
from kinema.serve.scratch import Scratch
from kinema.serve.service import Service, Shelf
from kinema.types import Segment
from support.serving import wait_for


@pytest.fixture
def service(taught_run: LoadedRun, tmp_path: Path) -> Iterator[Service]:
    (tmp_path / "scratch").mkdir()
    with Service(
        taught_run, Scratch(tmp_path / "scratch"), limits=Limits(), shelf=Shelf(), workers=1
    ) as found:
        yield found


def test_segments_and_places_of_a_timeline_run(service: Service, long_set: Path, tmp_path: Path) -> None:
    videos = videos_of(long_set, tmp_path / "labels.csv")
    store = FeatureStore(tmp_path / "features")
    suggester = Suggester(service, videos, store)
    suggester.prefer(2)
    suggester.start()
    wait_for(lambda: suggester.progress()["done"] == len(videos))
    assert suggester.progress()["problems"] == []
    for number, video in enumerate(videos):
        expected = [one.segment for one in found_segments(service.run, video.path)]
        rows = suggester.segments(number, [])
        assert [(row["label"], row["start"]) for row in rows] == [
            (s.label, round(s.start_seconds, 3)) for s in expected
        ]
    surest = suggester.surest({})
    assert surest
    assert [row["score"] for row in surest] == sorted((row["score"] for row in surest), reverse=True)
    best = surest[0]
    marked = {best["file"]: [Segment(best["label"], best["start"], best["end"])]}
    assert best not in suggester.surest(marked)
    assert len(suggester.surest(marked)) == len(surest) - 1
    places = suggester.following({}, {0, 1, 2})
    assert {row["file"] for row in places} == {3}
    assert all(0 <= row["start"] < row["end"] <= 24.1 for row in places)
    suggester.close()
    stored = [read_sequence(path) for path in (tmp_path / "features").rglob("*.safetensors")]
    assert len(stored) == len(videos)
    features = service.run.features(videos[0].path)["rgb"]
    assert any(np.array_equal(one.data, features.data) for one in stored)
    again = Suggester(service, videos, store)
    again.start()
    wait_for(lambda: again.progress()["done"] == len(videos))
    assert again.surest({}) == surest
    again.close()


def test_a_file_that_cannot_be_read_is_told_and_the_rest_goes_on(
    service: Service, long_set: Path, tmp_path: Path
) -> None:
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / "a.mp4").write_bytes(b"nothing")
    (tmp_path / "v" / "b.mp4").write_bytes(sorted(long_set.glob("*.mp4"))[0].read_bytes())
    videos = videos_of(tmp_path / "v", tmp_path / "labels.csv")
    suggester = Suggester(service, videos, FeatureStore(tmp_path / "features"))
    suggester.start()
    wait_for(lambda: suggester.progress()["done"] == 2)
    (problem,) = suggester.progress()["problems"]
    assert "a.mp4" in problem
    suggester.close()


def test_windows_of_a_run_of_clips(tiny_run: Path, long_set: Path, tmp_path: Path) -> None:
    loaded = load(tiny_run, Resources(weights="none", device="cpu"))
    videos = videos_of(sorted(long_set.glob("*.mp4"))[0], tmp_path / "labels.csv")
    (tmp_path / "scratch").mkdir()
    with Service(loaded, Scratch(tmp_path / "scratch"), limits=Limits(), shelf=Shelf(), workers=1) as service:
        suggester = Suggester(service, videos, FeatureStore(tmp_path / "features"))
        suggester.start()
        wait_for(lambda: suggester.progress()["done"] == 1)
        assert suggester.progress()["problems"] == []
        rows = suggester.segments(0, [])
        assert rows[0]["start"] == 0
        assert rows[-1]["end"] == pytest.approx(24, abs=0.01)
        assert {row["label"] for row in rows} <= set(loaded.labels)
        assert len(suggester.following({}, set())) == 3
        suggester.close()
