"""The flow source against TV-L1 on all frames at once, and hand-made stacks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter

from kinema import recipe
from kinema.flow import tvl1
from kinema.media.reader import VideoReader
from kinema.media.writer import VideoWriter
from kinema.sampling.adaptive import adaptive
from kinema.sampling.online import IndexSampler, online_sampler
from kinema.streams.flow import FlowSource, stacks
from kinema.streams.images import fit
from kinema.streams.rgb import RgbSource
from kinema.streams.source import Job, SourceConfig, View
from kinema.types import VideoRecord

SIZE = (48, 64)


def sampling(**values: object) -> recipe.Sampling:
    return TypeAdapter(recipe.Sampling).validate_python(values)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fourteen frames of a texture that stands still, then moves two pixels a frame to the right."""
    path = tmp_path_factory.mktemp("flow") / "moving.mp4"
    noise = np.random.default_rng(0).integers(0, 255, (6, 8)).astype(np.uint8)
    picture = fit(np.repeat(noise[..., None], 3, axis=2), SIZE, "stretch")
    with VideoWriter(path, fps=10, width=64, height=48, crf=5) as writer:
        for frame in range(14):
            writer.write(np.roll(picture, 2 * max(0, frame - 6), axis=1))
    return path


def luma(path: Path) -> np.ndarray:
    with VideoReader(path) as reader:
        return np.stack([f.data for f in reader.read(pixel_format="gray8")])


def clips_of(path: Path, config: SourceConfig, **job: object) -> tuple[list, list[str]]:
    source = FlowSource(config)
    clips = list(source.clips(Job(VideoRecord(path), "key", **job)))  # type: ignore[arg-type]
    return clips, source.notes


def config(kind: str = "flow_clip", **values: object) -> SourceConfig:
    values.setdefault("sampling", sampling(kind="segments", length=5))
    view = View(kind, SIZE, "stretch")  # type: ignore[arg-type]
    return SourceConfig("flow", (view,), method="tvl1", **values)  # type: ignore[arg-type]


def test_segments_hold_the_clipped_and_scaled_fields(video):
    fields = tvl1(luma(video))
    clips, notes = clips_of(video, config(clip_px=2.5))
    assert [c.inputs[0].shape for c in clips] == [(5, *SIZE, 2)] * 3
    joined = np.concatenate([c.inputs[0] for c in clips])[: len(fields)]
    expected = np.clip(fields, -2.5, 2.5).transpose(0, 2, 3, 1) / 2.5
    np.testing.assert_allclose(joined, expected, atol=1e-6)
    np.testing.assert_array_equal(clips[2].inputs[0][3], clips[2].inputs[0][2])  # 13 fields: the last repeats
    assert [c.pts_seconds for c in clips] == pytest.approx([0.0, 0.5, 1.0])
    assert notes == []


def test_a_video_of_one_frame_gets_one_zero_field_and_a_note(tmp_path):
    path = tmp_path / "one.mp4"
    with VideoWriter(path, fps=10, width=64, height=48) as writer:
        writer.write(np.full((48, 64, 3), 90, np.uint8))
    clips, notes = clips_of(path, config())
    assert len(clips) == 1
    assert not clips[0].inputs[0].any()
    assert notes == ["no motion: one frame"]


def numbered(count: int) -> list[tuple[float, np.ndarray]]:
    return [(i / 10, np.full((1, 1, 2), i, np.float32)) for i in range(count)]


@pytest.mark.parametrize(
    ("total", "chosen", "starts"),
    [
        (10, [0, 4, 6], [0, 4, 6]),
        (10, [8, 9], [6, 6]),  # a stack that would run over the end starts earlier
        (4, [0, 3], [0, 0]),
    ],
)
def test_stacks_are_consecutive_fields_from_each_chosen_one_on(total, chosen, starts):
    found = list(stacks(IndexSampler(chosen), numbered(total), 4))
    values = [clip.inputs[0][0, 0, ::2].tolist() for clip in found]
    assert values == [[s, s + 1, s + 2, s + 3] for s in starts]
    assert [clip.pts_seconds for clip in found] == [i / 10 for i in chosen]


def test_a_video_shorter_than_a_stack_repeats_its_last_field():
    (clip,) = stacks(IndexSampler([0]), numbered(2), 4)
    assert clip.inputs[0][0, 0].tolist() == [0, 0, 1, 1, 1, 1, 1, 1]


def test_stacks_of_a_long_video_hold_few_fields():
    sampler = online_sampler(sampling(kind="jump", every=50))
    assert sampler is not None
    starts = [clip.inputs[0][0, 0, 0] for clip in stacks(sampler, numbered(175), 4)]
    assert starts == [0, 50, 100, 150]


def test_adaptive_sampling_is_shared_by_flow_and_rgb_streams(video, tmp_path):
    spec = sampling(kind="adaptive", frames=6, seconds=36, stretches=2)
    view = View("flow_stack", (240, 320), "stretch")
    flow = SourceConfig("flow", (view,), sampling=spec, method="tvl1", stack=2)
    flow_clips, _ = clips_of(video, flow, motion_cache=tmp_path)
    profiles = list(tmp_path.rglob("*.npy"))
    assert len(profiles) == 1  # the motion profile was left for other streams
    motion = np.load(profiles[0])
    assert motion.shape == (13,)
    assert motion[:5].max() < 0.2 * motion[8:].mean()
    expected = adaptive(motion, 14, frames=6, stretches=2)
    assert (expected < 7).sum() == 1  # the still half has one sample
    np.save(profiles[0], motion[::-1])  # the rgb stream must read the profile, not compute it
    rgb = SourceConfig("rgb", (View("frame", SIZE, "stretch"),), sampling=spec, method="tvl1")
    rgb_clips = list(RgbSource(rgb).clips(Job(VideoRecord(video), "key", motion_cache=tmp_path)))
    mirrored = adaptive(motion[::-1], 14, frames=6, stretches=2)
    assert [round(c.pts_seconds * 10) for c in rgb_clips] == mirrored.tolist()
    assert [round(c.pts_seconds * 10) for c in flow_clips] == np.minimum(expected, 12).tolist()
    assert flow_clips[0].inputs[0].shape == (240, 320, 4)


def test_the_fingerprint_follows_method_and_clipping():
    first = config().settings()
    assert config(clip_px=10.0).settings() != first
    assert config(weights_dir="/elsewhere").settings() == first
    learned = SourceConfig("flow", config().views, config().sampling, "raft_small").settings()
    assert learned["flow"]["method"] == "raft_small"
    assert learned != first
