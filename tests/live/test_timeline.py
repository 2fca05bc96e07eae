"""What a timeline run says live of a file's frames is what it says of the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kinema.errors import UsageError
from kinema.inference.timeline import found_segments
from kinema.live.timeline import LiveTimeline, Moment
from kinema.media.video import VideoFile
from kinema.model.timeline import TimelineRecognizer
from support.live import CLIP, RATE, taught, untrained


def fed(live: LiveTimeline, video: Path) -> list[Moment]:
    found = []
    for frame in VideoFile(video).frames():
        found += live.feed(frame.data, frame.pts_seconds)
    return found + live.close()


@pytest.mark.parametrize("stream", [RATE, {**RATE, "sampling": {"kind": "rate", "fps": 40}}, CLIP])
def test_segments_and_scores_are_those_of_the_file(stream: dict[str, Any], moving: Path) -> None:
    """40 steps a second of 25 frames: some frames are two steps."""
    run = taught(stream, moving)
    model = run.sequences.model
    assert isinstance(model, TimelineRecognizer)
    steps = run.features(moving)["rgb"]
    live = LiveTimeline(run)
    live.warm_up()
    moments = fed(live, moving)
    np.testing.assert_allclose([m.seconds for m in moments[: len(steps)]], steps.pts_seconds, atol=1e-6)
    np.testing.assert_allclose(
        np.stack([m.scores for m in moments[: len(steps)]]), model.step_scores(steps), rtol=0, atol=1e-5
    )
    expected = found_segments(run, moving)
    assert expected
    changes = [one for moment in moments for one in moment.changes]
    closed = sorted(
        (c.segment.start_seconds, c.segment.label, c.segment.end_seconds, c.segment.score)
        for c in changes
        if c.kind == "closed"
    )
    for (start, label, end, score), one in zip(closed, expected, strict=True):
        assert label == one.segment.label
        assert (start, end, score) == pytest.approx(
            (one.segment.start_seconds, one.segment.end_seconds, one.segment.score), abs=1e-5
        )
    reported = sorted((c.seconds, c.segment.start_seconds) for c in changes if c.kind == "reported")
    wanted = sorted((one.reported, one.segment.start_seconds) for one in expected)
    np.testing.assert_allclose(reported, wanted, atol=1e-5)
    lines = [line for moment in moments for line in moment.json_lines()]
    assert {line["event"] for line in lines} >= {"opened", "reported", "closed"}
    assert set(lines[0]) == {"seconds", "event", "label", "start", "end", "score"}
    assert any(moment.label is None for moment in moments)
    assert any(moment.label for moment in moments)


def test_a_stream_that_was_lost_begins_anew(moving: Path) -> None:
    run = taught(RATE, moving)
    fresh = fed(LiveTimeline(run), moving)
    live = LiveTimeline(run)
    for number in range(20):
        live.feed(np.full((48, 64, 3), 90, np.uint8), number / 25)
    live.reset()
    again = []
    for frame in VideoFile(moving).frames():
        again += live.feed(frame.data, 100 + frame.pts_seconds)
    for a, b in zip(fresh, again, strict=False):
        np.testing.assert_allclose(a.scores, b.scores, atol=1e-6)
        assert [c.kind for c in a.changes] == [c.kind for c in b.changes]


def test_runs_that_cannot_are_refused_with_the_cure(moving: Path) -> None:
    with pytest.raises(UsageError, match="train one with --recipe timeline"):
        LiveTimeline(taught(RATE, moving, bidirectional=True))
    with pytest.raises(UsageError, match="train one with --task timeline"):
        LiveTimeline(untrained({"rgb": RATE}))
