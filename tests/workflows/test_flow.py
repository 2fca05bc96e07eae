"""`write_flow`: colour video and raw fields, in constant memory."""

from __future__ import annotations

import sys

import cv2
import numpy as np
import pytest
from safetensors import safe_open

from kinema.errors import MediaError, UsageError, WorkError
from kinema.flow.methods import FlowMethod
from kinema.flow.pairs import Pairs
from kinema.media.reader import VideoReader
from kinema.media.writer import VideoWriter
from kinema.resources import Resources
from kinema.workflows import flow as workflow
from kinema.workflows.flow import write_flow
from support.whole_flow import tvl1


@pytest.fixture
def video(tmp_path):
    return write_video(tmp_path / "a video.mp4", 5)


def write_video(path, count, height=48, width=64):
    noise = cv2.GaussianBlur(np.random.default_rng(0).random((height, width), np.float32), (0, 0), 2.5)
    base = cv2.normalize(noise, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    with VideoWriter(path, fps=10, width=width, height=height, crf=10) as writer:
        for t in range(count):
            writer.write(np.repeat(np.roll(base, 2 * t, 1)[..., None], 3, axis=-1))
    return path


def luma(path):
    with VideoReader(path) as reader:
        return np.stack([frame.data for frame in reader.read(pixel_format="gray8")])


def test_npy_holds_the_fields(video, tmp_path):
    done = []
    summary = write_flow(video, tmp_path / "flow.npy", progress=done.append)
    stored = np.load(tmp_path / "flow.npy", mmap_mode="r", allow_pickle=False)
    assert stored.dtype == np.float16
    np.testing.assert_allclose(stored, tvl1(luma(video)), atol=2e-2)
    assert (summary.fields, summary.height, summary.width, summary.note) == (4, 48, 64, "")
    assert done == [1, 2, 3, 4]


def test_safetensors_hold_the_fields_and_the_method(video, tmp_path):
    write_flow(video, tmp_path / "flow.safetensors", warps=2)
    with safe_open(tmp_path / "flow.safetensors", "numpy") as file:
        stored, metadata = file.get_tensor("flow"), file.metadata()
    np.testing.assert_allclose(stored, tvl1(luma(video), warps=2), atol=2e-2)
    assert metadata["method"] == "tvl1"
    assert metadata["warps"] == "2"
    assert metadata["units"] == "pixels"


def test_video_shows_the_direction(video, tmp_path):
    write_flow(video, tmp_path / "flow.mp4", max_px=2)
    with VideoReader(tmp_path / "flow.mp4") as reader:
        frames = [frame.data for frame in reader.read()]
        assert reader.info.average_fps == pytest.approx(10)
    assert len(frames) == 4
    red, green, blue = np.median(frames[2][10:-10, 10:-10].reshape(-1, 3), axis=0)
    assert red > 200  # to the right is red
    assert max(green, blue) < 80


def test_large_frames_are_shrunk_first(video, tmp_path):
    summary = write_flow(video, tmp_path / "flow.npy", short_side=24)
    assert (summary.height, summary.width) == (24, 32)
    stored = np.load(tmp_path / "flow.npy")
    assert stored.shape == (4, 2, 24, 32)
    assert np.median(stored[:, 0, 5:-5, 5:-5]) == pytest.approx(1, abs=0.2)  # half of two pixels
    assert write_flow(video, tmp_path / "flow.npy", short_side=500).height == 48
    with pytest.raises(UsageError, match="give 16 or more"):
        write_flow(video, tmp_path / "flow.npy", short_side=8)


def test_one_frame_gives_one_zero_field(tmp_path):
    write_video(tmp_path / "one.mp4", 1)
    summary = write_flow(tmp_path / "one.mp4", tmp_path / "flow.npy")
    assert (summary.fields, summary.note) == (1, "one frame: a zero field")
    assert not np.load(tmp_path / "flow.npy").any()
    assert write_flow(tmp_path / "one.mp4", tmp_path / "flow.mp4").fields == 1


def test_learned_methods_see_colour(video, tmp_path):
    write_flow(video, tmp_path / "flow.npy", "raft_small", resources=Resources(weights="none"), updates=1)
    assert np.load(tmp_path / "flow.npy").shape == (4, 2, 48, 64)


def test_what_cannot_be_is_refused_and_leaves_nothing(video, tmp_path, monkeypatch):
    with pytest.raises(UsageError, match=r"cannot write flow to 'flow.png'; .* .mp4"):
        write_flow(video, tmp_path / "flow.png")
    with pytest.raises(UsageError, match="unknown flow method"):
        write_flow(video, tmp_path / "flow.npy", "farneback")
    with pytest.raises(MediaError):
        write_flow(tmp_path / "absent.mp4", tmp_path / "flow.npy")

    class Broken(Pairs):
        def _add(self, _frame):
            return [np.zeros((2, 48, 64), np.float32)]

        def finish(self):
            raise WorkError("not finite")

    monkeypatch.setattr(workflow, "load_method", lambda *_args, **_options: FlowMethod("broken", Broken))
    for name in ("flow.npy", "flow.safetensors", "flow.mp4"):
        with pytest.raises(WorkError, match="not finite"):
            write_flow(video, tmp_path / name)
    assert [p.name for p in tmp_path.iterdir()] == [video.name]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads peak memory as Linux gives it")
def test_memory_does_not_grow_with_length(tmp_path):
    import resource

    write_flow(write_video(tmp_path / "short.mp4", 20), tmp_path / "flow.npy", warps=1, nscales=1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    write_flow(write_video(tmp_path / "long.mp4", 1500), tmp_path / "flow.npy", warps=1, nscales=1)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert (tmp_path / "flow.npy").stat().st_size > 15_000_000
    assert grown < 10_000_000
