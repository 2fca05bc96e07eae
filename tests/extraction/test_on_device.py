"""Clips that go to the memory of a device; here the device is the processor."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch

from kinema.extraction.engine import SequenceBuffer, sequences
from kinema.extraction.loaded import LoadedStream, load_streams
from kinema.extraction.messages import Job
from kinema.extraction.on_device import DeviceMemory
from kinema.extraction.pool import DecodingPool
from kinema.extraction.slots import Mover
from kinema.recipe import resolve
from kinema.resources import Resources
from kinema.streams.base import Task
from kinema.types import VideoRecord

RESOURCES = Resources(weights="none", device="cpu", runtime="torch")


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_arrays_are_what_was_there_and_stay(dtype: str) -> None:
    values = (255 * np.random.default_rng(0).random((5, 4, 3))).astype(dtype)
    memory = np.concatenate([np.zeros(16, np.uint8), values.reshape(-1).view(np.uint8)])
    held = DeviceMemory("cpu")(memory)
    assert held is not None
    memory[:] = 7
    found = held.arrays(16, len(memory), values.dtype.str, values.shape[1:])
    assert all(isinstance(array, torch.Tensor) for array in found)
    np.testing.assert_array_equal(np.stack(found), values)


@pytest.fixture(scope="module")
def stream() -> LoadedStream:
    settings = ["streams.rgb.sampling={kind: jump, every: 4}"]
    loaded = load_streams(resolve("lite", settings, RESOURCES).streams, RESOURCES)["rgb"]
    (runner,) = loaded.compute._runners
    runner._resizes = True  # as on a GPU
    runner._use_torch()
    return loaded


def features(
    stream: LoadedStream, clips: list[Path], mover: Mover | None, *, later: bool
) -> list[np.ndarray]:
    jobs = [Job(VideoRecord(path), Task(str(number))) for number, path in enumerate(clips)]
    with DecodingPool() as pool:
        messages = pool.results(stream.spec, RESOURCES, jobs, workers=1, resizes_later=later, mover=mover)
        with (
            closing(messages),
            closing(sequences(messages, stream.compute, lambda _: SequenceBuffer(stream.dim))) as videos,
        ):
            found = {done.number: done.sink for done in videos}
    return [found[number].sequence().data for number in range(len(clips))]  # type: ignore[union-attr]


def test_frames_that_a_device_holds_and_resizes_give_the_same_features(
    stream: LoadedStream, ucf_clips: Path
) -> None:
    clips = sorted(ucf_clips.rglob("*.avi"))[::160][:2]
    here = features(stream, clips, None, later=False)
    moved = features(stream, clips, DeviceMemory("cpu"), later=False)
    resized = features(stream, clips, DeviceMemory("cpu"), later=True)
    for ours, there, later in zip(here, moved, resized, strict=True):
        np.testing.assert_array_equal(there, ours)
        np.testing.assert_array_equal(later, ours)


def test_where_a_device_has_no_room_clips_stay_here(stream: LoadedStream, ucf_clips: Path) -> None:
    class Full(DeviceMemory):
        """Every second slot finds no room."""

        calls = 0

        def __call__(self, memory: np.ndarray):  # type: ignore[no-untyped-def]
            self.calls += 1
            return super().__call__(memory) if self.calls % 2 else None

    clips, full = sorted(ucf_clips.rglob("*.avi"))[:1], Full("cpu")
    (mixed,), (here,) = features(stream, clips, full, later=False), features(stream, clips, None, later=False)
    np.testing.assert_allclose(mixed, here, rtol=1e-4, atol=1e-5)
    assert full.calls > 1
