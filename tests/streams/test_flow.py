"""The flow stream against TV-L1 on all frames at once, whoever supplies them; motion; kept fields."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kinema.errors import UsageError
from kinema.flow.tvl1_options import grey
from kinema.media.reader import VideoReader
from kinema.recipe import load_recipe
from kinema.sampling.adaptive import adaptive
from kinema.streams import FlowStream, RgbStream, Task
from kinema.streams.images import fit, fit_flow, middle
from kinema.streams.motion import MOTION_SIZE
from support.streams import clips_and_notes, write_frames
from support.whole_flow import tvl1

SIZE = (80, 80)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fourteen frames of a texture that stands still, then moves two pixels a frame to the right."""
    noise = np.random.default_rng(0).integers(0, 255, (6, 8)).astype(np.uint8)
    picture = fit(np.repeat(noise[..., None], 3, axis=2), (48, 64), "stretch")
    moving = [np.roll(picture, 2 * max(0, frame - 6), axis=1) for frame in range(14)]
    return write_frames(tmp_path_factory.mktemp("flow") / "moving.mp4", moving, fps=10)


def frames_of(path: Path) -> list[np.ndarray]:
    with VideoReader(path) as reader:
        return [f.data for f in reader.read()]


def stacks(**values: object) -> FlowStream:
    """A stream of stacks at 80 x 80, stretched."""
    given = {"sampling": {"kind": "jump", "every": 1}, "backbone": "small_flow_cnn", "stack": 2} | values
    return FlowStream(input="flow", method="tvl1", **given)  # type: ignore[arg-type]


def flow_of(frames: list[np.ndarray], size: tuple[int, int], crop: str = "stretch") -> np.ndarray:
    """Fields [T - 1, 2, h, w] in pixels by the whole-clip function."""
    return tvl1(np.stack([grey(fit_flow(f, size, crop)) for f in frames]))  # type: ignore[arg-type]


def test_segments_hold_the_clipped_and_scaled_fields(video):
    sampling = {"kind": "segments", "length": 5}
    stream = FlowStream(input="flow", method="tvl1", backbone="i3d_flow", clip_px=2.5, sampling=sampling)  # type: ignore[arg-type]
    clips, notes = clips_and_notes(stream, video)
    assert [c.inputs[0].shape for c in clips] == [(5, 224, 224, 2)] * 3
    fields = flow_of(frames_of(video), (224, 224), "center")
    assert fields.shape[2:] == (256, 341)
    expected = np.stack([np.clip(middle(f, (224, 224)), -2.5, 2.5).transpose(1, 2, 0) / 2.5 for f in fields])
    joined = np.concatenate([c.inputs[0] for c in clips])[: len(fields)]
    np.testing.assert_allclose(joined, expected, atol=5e-4)  # half precision
    np.testing.assert_array_equal(clips[2].inputs[0][3], clips[2].inputs[0][2])  # 13 fields: the last repeats
    assert [c.pts_seconds for c in clips] == pytest.approx([0.0, 0.5, 1.0])
    assert notes == ()


def test_stacks_are_the_fields_side_by_side(video):
    clips, _ = clips_and_notes(stacks(stack=3), video)
    fields = np.clip(flow_of(frames_of(video), SIZE), -20, 20) / 20
    assert len(clips) == len(fields) == 13
    for index, clip in enumerate(clips):
        start = min(index, 10)  # a stack that would run over the end starts earlier
        wanted = np.concatenate([fields[start + i].transpose(1, 2, 0) for i in range(3)], axis=2)
        np.testing.assert_allclose(clip.inputs[0], wanted, atol=5e-4)


@pytest.mark.parametrize("kind", ["jump", "uniform", "adaptive"])
def test_a_video_of_one_frame_gets_one_zero_field_and_a_note(tmp_path, kind):
    path = write_frames(tmp_path / "one.mp4", [np.full((48, 64, 3), 90, np.uint8)])
    sampling = {
        "jump": {"kind": "jump", "every": 1},
        "uniform": {"kind": "uniform", "frames": 1},
        "adaptive": {"kind": "adaptive", "frames": 4, "seconds": 36},
    }[kind]
    clips, notes = clips_and_notes(stacks(sampling=sampling), path)
    assert len(clips) == 1
    assert not clips[0].inputs[0].any()
    assert notes == ("no motion: one frame",)


def adaptive_streams(motion: str = "tvl1") -> tuple[FlowStream, RgbStream]:
    spec = {"kind": "adaptive", "frames": 6, "seconds": 36, "stretches": 2, "motion": motion}
    return stacks(sampling=spec), RgbStream(input="rgb", backbone="mobilenet_v2", sampling=spec)  # type: ignore[arg-type]


def times(clips: list) -> list[int]:
    return [round(c.pts_seconds * 10) for c in clips]


def test_adaptive_sampling_goes_by_the_motion_at_the_papers_size(video):
    frames = frames_of(video)
    fields = flow_of([fit(f, MOTION_SIZE, "stretch") for f in frames], MOTION_SIZE)
    motion = np.hypot(fields[:, 0], fields[:, 1]).mean(axis=(1, 2), dtype=np.float64)
    chosen = adaptive(motion, 14, frames=6, stretches=2)
    assert (chosen < 7).sum() == 1  # the still half has one sample
    flow, rgb = adaptive_streams()
    assert times(clips_and_notes(rgb, video)[0]) == chosen.tolist()
    assert times(clips_and_notes(flow, video)[0]) == np.minimum(chosen, 12).tolist()


@pytest.mark.parametrize("motion", ["tvl1", "difference"])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_clips_do_not_depend_on_what_other_streams_left_behind(video, tmp_path, motion, order):
    streams = adaptive_streams(motion)
    alone = [clips_and_notes(stream, video)[0] for stream in streams]
    for number in order * 2:  # the second time everything that can be shared is there
        found, _ = clips_and_notes(streams[number], video, Task("key", cache=tmp_path))
        assert [c.pts_seconds for c in found] == [c.pts_seconds for c in alone[number]]
        for one, other in zip(found, alone[number], strict=True):
            np.testing.assert_array_equal(one.inputs[0], other.inputs[0])
    assert len(list(tmp_path.rglob("*.npy"))) == 1


def test_a_kept_video_gives_the_same_clips_without_its_frames(video, tmp_path):
    native = {"backbone": "motion_cnn", "crop": "stretch"}
    few = stacks(sampling={"kind": "uniform", "frames": 4, "seconds": 36}, **native)
    many = stacks(sampling=adaptive_streams()[0].sampling, **native)
    alone = [clips_and_notes(s, video)[0] for s in (few, many)]
    clips_and_notes(few, video, Task("key", cache=tmp_path, keep_flow=True))

    class Unreadable:
        name = "gone.mp4"

        def times(self):
            return np.arange(14) / 10

        def check(self):
            return None

        def notes(self):
            return ()

    for stream, wanted in zip((few, many), alone, strict=True):
        found, _ = clips_and_notes(stream, Unreadable(), Task("key", cache=tmp_path))  # type: ignore[arg-type]
        assert [c.pts_seconds for c in found] == [c.pts_seconds for c in wanted]
        for one, other in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(one.inputs[0], other.inputs[0])


def test_nothing_behind_the_limit_is_seen(video):
    short = {"kind": "uniform", "frames": 20, "seconds": 0.65}
    found, _ = clips_and_notes(stacks(sampling=short), video)
    assert max(times(found)) <= 5


def test_the_fingerprint_follows_method_and_clipping():
    first = stacks().settings()
    assert stacks(clip_px=10.0).settings() != first
    assert stacks(stack=3).settings() != first
    assert stacks(flow_weights="none").settings() == first  # TV-L1 has no weights
    learned = stacks().model_copy(update={"method": "raft_small"}).settings()
    assert learned["flow"]["method"] == "raft_small"
    assert learned != first


def test_keys_of_other_inputs_are_refused():
    with pytest.raises(UsageError, match=r"unknown key 'streams\.flow\.augment'; allowed here: .*clip_px"):
        load_recipe("i3d-gru", ["streams.flow.augment.flip=0.5"])
    with pytest.raises(UsageError, match=r"unknown key 'streams\.rgb\.clip_px'; allowed here: .*augment"):
        load_recipe("i3d-gru", ["streams.rgb.clip_px=3"])
