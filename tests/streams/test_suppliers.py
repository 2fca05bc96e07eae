"""The same video from a file, from its decoded frames, and from a generator that behaves like a camera."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from kinema.media.reader import VideoReader
from kinema.media.video import GivenFrames, VideoFile
from kinema.streams import AudioStream, FlowStream, RgbStream, StreamSettings
from kinema.types import Frame
from support.lossless import SAMPLE_RATE, write_lossless
from support.streams import clips_and_notes

FPS, COUNT = 10, 43
ADAPTIVE = {"kind": "adaptive", "frames": 9, "seconds": 1.5}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    random = np.random.default_rng(1)
    picture = random.integers(0, 255, (48, 64, 3)).astype(np.uint8)
    frames = [np.roll(picture, i * (1 + i // 20), axis=1) for i in range(COUNT)]
    sound = (random.normal(size=COUNT * SAMPLE_RATE // FPS) * 3000).astype(np.int16)
    return write_lossless(tmp_path_factory.mktemp("suppliers") / "clip.mkv", frames, FPS, sound)


def rgb(backbone: str = "mobilenet_v2", **sampling: object) -> RgbStream:
    return RgbStream(input="rgb", backbone=backbone, sampling=sampling)  # type: ignore[arg-type]


def flow(backbone: str = "small_flow_cnn", **sampling: object) -> FlowStream:
    return FlowStream(input="flow", method="tvl1", backbone=backbone, sampling=sampling)  # type: ignore[arg-type]


STREAMS: dict[str, StreamSettings] = {
    "rgb first_n": rgb(kind="first_n", frames=60, policy="wrap"),
    "rgb uniform": rgb(kind="uniform", frames=7),
    "rgb uniform of 2 s": rgb(kind="uniform", frames=7, seconds=2),
    "rgb jump": rgb(kind="jump", every=4),
    "rgb rate": rgb(kind="rate", fps=4),
    "rgb segments": rgb("small_cnn", kind="segments", length=10),
    "rgb windows": rgb("small_cnn", kind="windows", length=3, stride=6),
    "rgb adaptive": rgb(**ADAPTIVE),
    "rgb adaptive by difference": rgb(**ADAPTIVE, motion="difference"),
    "flow jump": flow(kind="jump", every=5),
    "flow uniform": flow(kind="uniform", frames=6),
    "flow adaptive": flow(**ADAPTIVE),
    "audio": AudioStream(input="audio", backbone="yamnet"),
    "audio of 2 s": AudioStream(input="audio", backbone="vggish", max_seconds=2),
}


@pytest.mark.parametrize("name", STREAMS)
def test_clips_do_not_depend_on_the_supplier(name: str, path: Path):
    stream = STREAMS[name]
    with VideoReader(path) as reader:
        frames = list(reader.read())
    blocks = list(VideoFile(path).sound(SAMPLE_RATE))
    given = [(f.pts_seconds, f.data) for f in frames]
    wanted, notes = clips_and_notes(stream, path)
    assert wanted
    for supplier in (
        GivenFrames(frames, sound=(SAMPLE_RATE, blocks)),
        GivenFrames(given, sound=(SAMPLE_RATE, blocks)),
        GivenFrames(camera(frames), sound=(SAMPLE_RATE, pieces(blocks))),
    ):
        found, own_notes = clips_and_notes(stream, supplier)
        assert own_notes == notes
        assert [c.pts_seconds for c in found] == [c.pts_seconds for c in wanted]
        for one, other in zip(found, wanted, strict=True):
            for a, b in zip(one.inputs, other.inputs, strict=True):
                np.testing.assert_array_equal(a, b)


def camera(frames: list[Frame]) -> Iterator[Frame]:
    """Frames one by one, in memory that is used again for the next one, as drivers of cameras do."""
    memory = np.empty_like(frames[0].data)
    for frame in frames:
        memory[...] = frame.data
        yield Frame(frame.index, frame.pts_seconds, memory)


def pieces(blocks: list[np.ndarray]) -> Iterator[np.ndarray]:
    """The sound in small pieces of uneven length."""
    sound = np.concatenate(blocks)
    cuts = np.cumsum(np.random.default_rng(0).integers(1, 4000, 100))
    yield from np.split(sound, cuts[cuts < len(sound)])


def test_a_part_of_a_file_is_a_video_of_its_own(path: Path, tmp_path: Path):
    with VideoReader(path) as reader:
        frames = [f.data for f in reader.read()]
    (sound,) = list(VideoFile(path).sound(SAMPLE_RATE))
    cut = (sound[SAMPLE_RATE : 3 * SAMPLE_RATE] * 32768).astype(np.int16)
    alone = write_lossless(tmp_path / "cut.mkv", frames[10:30], FPS, cut)
    for name, stream in STREAMS.items():
        found, _ = clips_and_notes(stream, path, start_seconds=1.0, end_seconds=3.0)
        wanted, _ = clips_and_notes(stream, alone)
        assert len(found) == len(wanted), name
        for one, other in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(one.inputs[0], other.inputs[0], err_msg=name)
