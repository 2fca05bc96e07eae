"""Clips of videos: versions, memory, files that cannot be read, and how many each video gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kinema.extraction.messages import Message
from kinema.media.video import Video
from kinema.resources import Resources
from kinema.sampling.specs import Adaptive, Jump, Uniform
from kinema.streams import RgbStream, StreamSettings, Tools
from kinema.streams.augment import Augment
from kinema.streams.base import Task
from kinema.training import clips as module
from kinema.training.clips import (
    ClipDataset,
    ClipItem,
    Clips,
    VideoDataset,
    clips_per_video,
)
from kinema.training.samplers import EpochSampler
from kinema.types import Clip, VideoRecord

SEGMENTS = RgbStream(
    input="rgb",
    backbone="small_cnn",
    sampling={"kind": "segments", "length": 3},
    augment=Augment(rotate=20, crop="random", flip=0.5, on_the_fly=True),
)  # type: ignore[arg-type]


def clips_of(items: list[ClipItem]) -> Clips:
    return Clips(items, {"rgb": SEGMENTS}, Tools(Resources(device="cpu")))


def pixels(clips: list[Clip]) -> np.ndarray:
    return np.stack([clip.inputs[0] for clip in clips])


@pytest.mark.parametrize("units", [VideoDataset, lambda clips: ClipDataset(clips, "rgb")])
def test_every_epoch_sees_another_version(
    units: Callable[[Clips], VideoDataset | ClipDataset], clip_items: list[ClipItem]
) -> None:
    dataset = units(clips_of(clip_items))
    epochs = EpochSampler(dataset.labels, seed=0)

    def version(epoch: int) -> np.ndarray:
        epochs.set_epoch(epoch)
        return pixels(dataset[0][0]["rgb"])

    plain = version(0)
    assert np.array_equal(plain, version(1))
    dataset.epochs = epochs
    assert not np.array_equal(version(0), plain)
    assert not np.array_equal(version(0), version(1))
    assert np.array_equal(version(1), version(1))
    assert version(0).shape == plain.shape


def test_units(clip_items: list[ClipItem]) -> None:
    """Ten frames make four segments of three; a unit is a video, or one of them."""
    clips = clips_of(clip_items[:2])
    videos, single = VideoDataset(clips), ClipDataset(clips, "rgb")
    assert [len(videos[i][0]["rgb"]) for i in range(len(videos))] == [4, 4]
    assert single.labels == [0] * 4 + [1] * 4
    assert [len(single[i][0]["rgb"]) for i in range(len(single))] == [1] * 8
    assert np.array_equal(pixels(single[6][0]["rgb"])[0], pixels(videos[1][0]["rgb"])[2])


@pytest.mark.parametrize(("room", "reads"), [(1 << 20, 1), (0, 3)])
def test_clips_are_read_once_where_they_fit_into_memory(
    room: int, reads: int, clip_items: list[ClipItem], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    computed = module.messages_of

    def spy(stream: StreamSettings, video: Video, task: Task, tools: Tools) -> Iterator[Message]:
        seen.append(task.key)
        return computed(stream, video, task, tools)

    monkeypatch.setattr(module, "MEMORY_BYTES", room)
    monkeypatch.setattr(module, "messages_of", spy)
    clips = clips_of(clip_items[:1])
    first = pixels(clips.of(clip_items[0], "rgb"))
    assert np.array_equal(first, pixels(clips.of(clip_items[0], "rgb")))
    assert clips.count(clip_items[0], "rgb") == len(first)
    clips.of(clip_items[0], "rgb", version=1)
    assert len(seen) == reads


def test_one_clip_is_that_of_them_all(clip_items: list[ClipItem]) -> None:
    clips = clips_of(clip_items)
    for version in (0, 2):
        whole = pixels(clips.of(clip_items[0], "rgb", version))
        alone = pixels([clips.one(clip_items[0], "rgb", n, version) for n in range(len(whole))])
        assert np.array_equal(whole, alone)


def test_videos_that_cannot_be_read_are_left_out(clip_items: list[ClipItem], tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    broken = ClipItem(VideoRecord(tmp_path / "broken.mp4"), "b" * 32, 0)
    clips = clips_of([clip_items[0], broken, clip_items[1]])
    progress: list[tuple[int, int]] = []
    failed = clips.drop_unreadable(lambda *numbers: progress.append(numbers))
    assert list(failed) == ["broken.mp4"]
    assert clips.items == clip_items[:2]
    assert progress == [(1, 3), (2, 3), (3, 3)]


def test_a_part_that_cannot_be_read_leaves_the_others_of_its_file(clip_items: list[ClipItem]) -> None:
    whole = clip_items[0].record
    good, bad = (replace(whole, start_seconds=a, end_seconds=b) for a, b in ((0.0, 0.5), (900.0, 901.0)))
    clips = clips_of([ClipItem(good, "a" * 32, 0), ClipItem(bad, "b" * 32, 0)])
    failed = clips.drop_unreadable(lambda done, of: None)
    assert list(failed) == [f"{whole.name} seconds 900-901"]
    assert [item.record for item in clips.items] == [good]


def test_clips_per_video_keep_the_limit_of_the_sampling() -> None:
    def sampled(sampling: object, backbone: str = "mobilenet_v2") -> object:
        stream = RgbStream(input="rgb", backbone=backbone, sampling=sampling)  # type: ignore[arg-type]
        return getattr(clips_per_video(stream, 4), "sampling")  # noqa: B009

    adaptive = Adaptive(kind="adaptive", frames=180, seconds=36)
    assert sampled(adaptive) == Uniform(kind="uniform", frames=4, seconds=36)
    uniform = Uniform(kind="uniform", frames=180, seconds=9)
    assert sampled(uniform) == Uniform(kind="uniform", frames=4, seconds=9)
    assert sampled(Jump(kind="jump", every=4)) == Uniform(kind="uniform", frames=4)
    assert sampled(SEGMENTS.sampling, "small_cnn") == SEGMENTS.sampling
