"""A frame that is sought is the frame that reading from the start gives, with its time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kinema.errors import MediaError
from kinema.media.reader import VideoReader
from kinema.media.seek import FrameSeeker
from kinema.media.writer import VideoWriter
from support.real import clips_of


def compare(path: Path) -> None:
    with VideoReader(path) as reader:
        frames = list(reader.read())
    times = [frame.pts_seconds for frame in frames]
    last = len(frames) - 1
    with FrameSeeker(path) as seeker:
        for index in (last, 3, last // 2, last // 2 + 1, 0, 1, last - 1, last // 3):
            seconds, picture = seeker.at(times[index] + 1e-4)
            assert seconds == pytest.approx(times[index], abs=1e-6)
            np.testing.assert_array_equal(picture, frames[index].data)
        assert seeker.times(times[2], times[5]) == pytest.approx(times[2:6], abs=1e-6)
        shape = seeker.shape()
        assert (shape.height, shape.width) == frames[0].data.shape[:2]
        assert shape.seconds == pytest.approx(times[-1] + 1 / shape.fps, abs=1e-6)
        assert seeker.at(1e5)[0] == pytest.approx(times[-1], abs=1e-6)
        assert seeker.at(times[3])[0] == pytest.approx(times[3], abs=1e-6)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty seconds, of which each frame is different: two groups of pictures, B-frames between."""
    path = tmp_path_factory.mktemp("seek") / "long.mp4"
    noise = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    with VideoWriter(path, fps=10, width=64, height=48) as writer:
        for number in range(300):
            writer.write(np.roll(noise, number, axis=1))
    return path


def test_frames_are_those_of_reading_from_the_start(path: Path) -> None:
    compare(path)


@pytest.mark.parametrize("ending", ["mkv", "mpg", "avi", "ts", "h264"])
def test_other_containers(path: Path, tmp_path: Path, ending: str) -> None:
    """The same pictures in containers without exact stamps, without an index, or without either."""
    compare(remuxed(path, tmp_path / f"other.{ending}"))


def remuxed(path: Path, out: Path) -> Path:
    import av

    codec = {"mpg": "mpeg2video", "avi": "mpeg4"}.get(out.suffix[1:], "libx264")
    with av.open(str(path)) as source, av.open(str(out), "w") as target:
        stream = target.add_stream(codec, rate=25 if codec == "mpeg2video" else 10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"  # type: ignore[union-attr]
        for decoded in source.decode(video=0):
            frame = av.VideoFrame.from_ndarray(decoded.to_ndarray(format="rgb24"), format="rgb24")
            target.mux(stream.encode(frame))  # type: ignore[union-attr, arg-type]
        target.mux(stream.encode(None))  # type: ignore[union-attr]
    return out


def test_real_clips(ucf_clips: Path) -> None:
    for label in ("Archery", "Surfing"):
        compare(clips_of(ucf_clips, label)[0])


def test_frames_of_uneven_length(tmp_path: Path) -> None:
    import av

    path = tmp_path / "uneven.mp4"
    stamps = np.cumsum([0, *([1, 2, 7, 1, 30] * 12)])
    with av.open(str(path), "w") as target:
        stream = target.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number, stamp in enumerate(stamps):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 4 * number, np.uint8), format="rgb24")
            frame.pts = int(stamp)
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    with FrameSeeker(path) as seeker:
        assert np.diff(seeker.times(0, 1e3)) == pytest.approx(np.diff(stamps) / 30, abs=1e-3)
        for number in (50, 4, 5, 20):
            middle = (stamps[number] + stamps[number + 1]) / 60
            assert seeker.at(middle)[0] == pytest.approx(stamps[number] / 30, abs=1e-3)


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_bytes(b"nothing")
    with pytest.raises(MediaError, match=r"x\.mp4"):
        FrameSeeker(tmp_path / "x.mp4")
