"""Windows by hand; none of the frames is lost; each is sampled as a video of its own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinema.errors import UsageError
from kinema.extraction.messages import Finished
from kinema.inference.windows import Window, window_messages, windows_of
from kinema.media.video import GivenFrames
from kinema.resources import Resources
from kinema.streams import AudioStream, FlowStream, RgbStream, StreamSettings, Tools
from kinema.types import Clip
from support import probes
from support.streams import clips_and_notes


def windows(times: list[float], window: float, stride: float) -> list[tuple[float, float]]:
    return [tuple(w) for w in windows_of(np.array(times), window, stride)]


def test_by_hand() -> None:
    assert windows([0, 1, 2, 3], 2, 1) == [(0, 2), (1, 3), (2, 4)]


def test_the_last_window_ends_with_the_video() -> None:
    assert windows([0, 1, 2], 2, 2) == [(0, 2), (2, 3)]
    assert windows([i / 25 for i in range(50)], 2, 1) == [(0, 2)]


def test_video_shorter_than_a_window() -> None:
    assert windows([0, 0.5], 5, 1) == [(0, 1)]
    ((start, end),) = windows([0], 5, 1)
    assert start == 0 < end < 0.01


def test_gaps() -> None:
    """Nothing is said about a stretch in which nothing was seen."""
    assert windows([0, 0.2, 0.4, 3.4, 3.6], 1, 1) == [(0, 1), (3, pytest.approx(3.8))]


@pytest.mark.parametrize(("window", "stride"), [(0, 1), (1, 0), (-1, 1)])
def test_nonsense_is_refused(window: float, stride: float) -> None:
    with pytest.raises(UsageError, match="positive"):
        windows_of(np.zeros(1), window, stride)


@given(
    times=st.lists(st.floats(0.01, 60), max_size=12, unique=True).map(lambda t: [0.0, *sorted(t)]),
    window=st.floats(0.1, 8),
    share=st.floats(0.1, 1),
)
def test_no_frame_is_lost(times: list[float], window: float, share: float) -> None:
    """Where windows touch or overlap, every frame lies in one, and no window is empty."""
    seen: set[float] = set()
    for start, end in windows(times, window, window * share):
        found = {t for t in times if start - 1e-3 <= t < end + 1e-3}
        assert found
        seen |= found
    assert seen == set(times)


RATE, FPS = 16000, 10


@pytest.fixture(scope="module")
def seconds_seven() -> tuple[list[tuple[float, np.ndarray]], np.ndarray]:
    """Seven seconds at 10 frames a second of something that moves, and noise to hear."""
    random = np.random.default_rng(0)
    picture = random.integers(0, 255, (48, 64, 3)).astype(np.uint8)
    frames = [(i / FPS, np.roll(picture, i * (1 + i // 20), axis=1)) for i in range(70)]
    return frames, (random.normal(size=7 * RATE) * 0.1).astype(np.float32)


FRAME_SAMPLINGS: list[dict] = [
    {"kind": "first_n", "frames": 12},
    {"kind": "uniform", "frames": 5},
    {"kind": "jump", "every": 3},
    {"kind": "rate", "fps": 4},
    {"kind": "adaptive", "frames": 6, "seconds": 2, "motion": "difference"},
]
CLIP_SAMPLINGS: list[dict] = [
    {"kind": "segments", "length": 8},
    {"kind": "windows", "length": 5, "stride": 3},
]


def streams() -> list[StreamSettings]:
    rgb = [
        RgbStream(input="rgb", backbone=f"probe_{kind}", sampling=s)  # type: ignore[arg-type]
        for kind, samplings in (("frame", FRAME_SAMPLINGS), ("clip", CLIP_SAMPLINGS))
        for s in samplings
    ]
    flow = [
        FlowStream(input="flow", method="tvl1", backbone=f"probe_{kind}", sampling=s)  # type: ignore[arg-type]
        for kind, samplings in (("flow_stack", FRAME_SAMPLINGS), ("flow_clip", CLIP_SAMPLINGS))
        for s in samplings
    ]
    return [*rgb, *flow, AudioStream(input="audio", backbone="yamnet")]


@pytest.mark.parametrize(
    "window", [(2.0, 1.0), pytest.param((2.0, 2.0), marks=pytest.mark.slow), (1.5, 0.7), (30.0, 1.0)], ids=str
)
def test_a_window_is_sampled_as_a_video_of_its_own(window, seconds_seven, monkeypatch) -> None:
    probes.register(monkeypatch)
    frames, sound = seconds_seven
    whole = GivenFrames(frames, sound=(RATE, [sound]))
    spans = windows_of(np.array([t for t, _ in frames]), *window)
    tools = Tools(Resources(device="cpu"))
    for stream in streams():
        found: dict[int, list[Clip]] = {number: [] for number in range(len(spans))}
        ended = []
        for number, message in window_messages(stream, whole, spans, tools):
            if isinstance(message, Finished):
                ended.append(number)
            else:
                assert number not in ended
                found[number].append(message)
        assert ended == list(range(len(spans)))
        for number, span in enumerate(spans):
            wanted, _ = clips_and_notes(stream, cut(frames, sound, span))
            assert [c.pts_seconds for c in found[number]] == pytest.approx([c.pts_seconds for c in wanted])
            for one, other in zip(found[number], wanted, strict=True):
                np.testing.assert_array_equal(one.inputs[0], other.inputs[0])


def cut(frames: list[tuple[float, np.ndarray]], sound: np.ndarray, span: Window) -> GivenFrames:
    """The stretch by itself: its frames with times from 0, its samples."""
    own = [(t, f) for t, f in frames if span.start - 1e-6 <= t < span.end - 1e-6]
    low, high = (round(side * RATE) for side in span)
    return GivenFrames([(max(t - span.start, 0.0), f) for t, f in own], sound=(RATE, [sound[low:high]]))
