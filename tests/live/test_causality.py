"""What is decided live is what the model says offline of the same steps, and no later frame plays a part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kinema.inference.predictor import LoadedRun
from kinema.live.decision import Decision
from kinema.live.recogniser import LiveRecogniser
from kinema.media.audio import AudioReader
from kinema.media.video import GivenFrames, VideoFile
from kinema.types import FeatureSequence
from support.live import CLIP, FLOW, GRU, RATE, SEGMENTS, SOUND, untrained

BOTH = {"kind": "gru", "units": 5, "bidirectional": True}
MEAN = {"kind": "gru", "units": 5, "pool": "mean"}
LSTM = {"kind": "lstm", "units": 4, "layers": 2, "reset": "after"}
MOMENTS = {"kind": "moments", "statistics": ["mean", "spread", "steps", "scenes", "cosine"], "lags": [1, 2]}
VOTE = {"classifier": {"per_step": True, "vote": "majority"}}
AVERAGE, CONCAT = {"fusion": {"kind": "weighted_average"}}, {"fusion": {"kind": "concat"}}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any], str, float]] = {
    "rate, moments": ({"rgb": RATE}, MOMENTS, {}, "auto", 1.0),
    "windows, gru": ({"rgb": CLIP}, GRU, {}, "auto", 1.0),
    "windows, mean of gru": ({"rgb": CLIP}, MEAN, {}, "auto", 0.7),
    "windows, gru for ever": ({"rgb": CLIP}, GRU, {}, "never", 1.0),
    "windows, gru in a window": ({"rgb": CLIP}, GRU, {}, "window", 0.9),
    "both directions": ({"rgb": CLIP}, BOTH, {}, "auto", 1.0),
    "vote": ({"rgb": CLIP}, {**BOTH, "pool": "none"}, VOTE, "auto", 1.0),
    "rgb and flow": ({"rgb": SEGMENTS, "flow": FLOW}, GRU, AVERAGE, "auto", 1.0),
    "rgb and sound": ({"rgb": CLIP, "audio": SOUND}, GRU, CONCAT, "auto", 1.5),
    "sound": ({"audio": SOUND}, GRU, {}, "never", 2.0),
    "limits are lifted": (
        {"rgb": {**RATE, "sampling": {"kind": "rate", "fps": 8, "max_frames": 3}}}, GRU, {}, "never", 1.0,
    ),
}  # fmt: skip


def heard_and_seen(live: LiveRecogniser, video: Path, until: float = np.inf) -> list[Decision]:
    """All decisions on a file, its sound fed in small blocks ahead of the frames."""
    found = []
    rate = live.sample_rate or 16000
    with AudioReader(video, sample_rate=rate) as reader:
        blocks = list(reader.blocks(0.1))
    position = 0
    for frame in VideoFile(video).frames():
        if frame.pts_seconds > until:
            return found
        while blocks and position / rate <= frame.pts_seconds:
            found += live.feed_audio(blocks[0], position / rate)
            position += len(blocks.pop(0))
        found += live.feed(frame.data, frame.pts_seconds)
    for block in blocks:
        found += live.feed_audio(block, position / rate)
        position += len(block)
    return found + live.close()


def part(sequence: FeatureSequence, span: tuple[int, int]) -> FeatureSequence:
    """Some steps of a sequence."""
    first, stop = span
    return FeatureSequence(sequence.data[first:stop], sequence.pts_seconds[first:stop], stop > first)


@pytest.mark.parametrize("case", CASES)
def test_decisions_are_the_offline_ones(case: str, moving: Path) -> None:
    streams, temporal, more, rule, horizon = CASES[case]
    run = untrained(streams, temporal, **more)
    whole = run
    if case == "limits are lifted":
        whole = untrained({"rgb": RATE}, temporal, **more)
        whole.sequences.model.load_tensors(run.sequences.model.tensors())
        modules = [one.module for one in run.streams["rgb"].backbones]
        whole.streams["rgb"].backbones[0].module.load_state_dict(modules[0].state_dict())
    offline = whole.features(moving)
    live = LiveRecogniser(run, rule=rule, horizon_seconds=horizon)  # type: ignore[arg-type]
    found = heard_and_seen(live, moving)
    assert len(found) >= len(next(iter(offline.values()))) - 1 > 0
    for decision in found:
        steps = {name: part(offline[name], span) for name, span in decision.spans.items()}
        expected = run.sequences.predict(steps).scores
        np.testing.assert_allclose(decision.scores, expected, rtol=0, atol=1e-5)
        assert decision.start_seconds <= decision.seconds
    stops = [max(stop for _, stop in d.spans.values()) for d in found]
    assert stops == sorted(stops)
    assert {name: span[1] for name, span in found[-1].spans.items()} == {
        n: len(s) for n, s in offline.items()
    }


@pytest.mark.parametrize("case", ["rate, moments", "windows, gru", "rgb and flow"])
def test_no_later_frame_plays_a_part(case: str, moving: Path) -> None:
    streams, temporal, more, _, horizon = CASES[case]
    run = untrained(streams, temporal, **more)
    whole = heard_and_seen(LiveRecogniser(run, horizon_seconds=horizon), moving)
    start = heard_and_seen(LiveRecogniser(run, horizon_seconds=horizon), moving, until=1.5)
    assert 3 < len(start) < len(whole)
    for a, b in zip(whole, start, strict=False):
        assert (a.seconds, a.label, a.spans) == (b.seconds, b.label, b.spans)
        np.testing.assert_array_equal(a.scores, b.scores)


@pytest.mark.parametrize(
    "sampling",
    [{"kind": "uniform", "frames": 5}, {"kind": "first_n", "frames": 12}],
    ids=lambda s: str(s["kind"]),
)
def test_whole_videos_are_the_windows_of_a_timeline(sampling: dict[str, Any], moving: Path) -> None:
    run = untrained({"rgb": {**RATE, "sampling": sampling}})
    live = LiveRecogniser(run, horizon_seconds=1.0)
    assert live.plan.rule == "whole"
    found = {round(d.start_seconds, 3): d for d in heard_and_seen(live, moving)}
    for (start, end), features in run.windows(moving, 1.0, 0.5):
        decision = found.pop(round(start, 3))
        np.testing.assert_allclose(decision.scores, run.sequences.predict(features).scores, atol=1e-5)
        late = 12 / 25 if sampling["kind"] == "first_n" else end - start
        assert decision.seconds <= start + late + 1 / 25
    # The last window may begin so late that the timeline has given its stretch to the one before.
    assert set(found) <= {2.5}


def test_real_clip(ucf_clips: Path, shared_data: Path) -> None:
    """`lite`'s own stream, on a clip whose file has B-frames and stamps of its own making."""
    clip = sorted(ucf_clips.rglob("*.avi"))[0]
    run = untrained({"rgb": {**RATE, "backbone": "mobilenet_v2"}}, MOMENTS)
    frames = [f for f in VideoFile(clip).frames() if f.pts_seconds < 2]
    live, found = LiveRecogniser(run, horizon_seconds=1.5), []
    for frame in frames:
        found += live.feed(lambda frame=frame: frame.data, frame.pts_seconds)  # type: ignore[misc]
    offline = run.features(GivenFrames(frames))["rgb"]
    assert len(found) == len(offline)
    for decision in found:
        expected = run.sequences.predict({"rgb": part(offline, decision.spans["rgb"])}).scores
        np.testing.assert_allclose(decision.scores, expected, rtol=0, atol=1e-5)


def test_recognisers_share_a_run(moving: Path) -> None:
    """Two streams side by side give what each gives alone."""
    run: LoadedRun = untrained({"rgb": CLIP})
    alone = heard_and_seen(LiveRecogniser(run, horizon_seconds=1.0), moving)
    first, second = (LiveRecogniser(run, horizon_seconds=1.0) for _ in range(2))
    found = []
    for frame in VideoFile(moving).frames():
        found += first.feed(frame.data, frame.pts_seconds)
        second.feed(frame.data[::-1].copy(), frame.pts_seconds)
    for a, b in zip(alone, found, strict=False):
        np.testing.assert_array_equal(a.scores, b.scores)
