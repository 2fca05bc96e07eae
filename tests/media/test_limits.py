"""Files that claim too much, or are no files: each gives a reason, at once and in little memory."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import wave
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from kinema.errors import MediaError
from kinema.media import container, decode
from kinema.media.audio import AudioReader
from kinema.media.container import content_digest, open_container
from kinema.media.decode import DecodePass
from kinema.media.reader import VideoReader
from kinema.media.video import VideoFile


@pytest.mark.parametrize("size", [16_000, 30_000])
@pytest.mark.parametrize(("codec", "pixel_format"), [("ffv1", "yuv420p"), ("rawvideo", "bgr24")])
def test_pictures_of_absurd_size_by_header(tmp_path, make_video, numbered, codec, pixel_format, size) -> None:
    path = make_video(tmp_path / "big.avi", [numbered(0)], codec=codec, pixel_format=pixel_format)
    data = bytearray(path.read_bytes())
    struct.pack_into("<ii", data, data.index(b"strf") + 8 + 4, size, size)
    path.write_bytes(data)
    with pytest.raises(MediaError, match="no picture that can be decoded"):
        VideoReader(path)


def test_pictures_that_grow_beyond_the_limit_later(tmp_path, make_video, numbered, monkeypatch) -> None:
    small = make_video(tmp_path / "a.h264", [numbered(i) for i in range(4)], container="h264")
    large = make_video(tmp_path / "b.h264", [numbered(i, 192, 160) for i in range(4)], container="h264")
    both = tmp_path / "both.h264"
    both.write_bytes(small.read_bytes() + large.read_bytes())
    for module in (container, decode):
        monkeypatch.setattr(module, "MAX_PIXELS", 100 * 100)
    with VideoReader(both) as reader:
        assert len(list(reader.read())) == 4
        assert "cannot be decoded" in (reader.damage or "")
    with pytest.raises(MediaError, match="has pictures of 192x160; scale it to at most 10,000 pixels"):
        VideoReader(large)


@pytest.mark.parametrize("pixel_format", ["rgb24", "gray8"])
@pytest.mark.parametrize("size", [(1, 48), (64, 1), (1, 1), (3, 301)])
@pytest.mark.parametrize(("codec", "stored"), [("mpeg4", "yuv420p"), ("png", "rgb24"), ("png", "gray")])
def test_one_pixel_wide_or_high(tmp_path, make_video, size, codec, stored, pixel_format) -> None:
    width, height = size
    source = np.full((height, width, 3), 100, np.uint8)
    path = make_video(tmp_path / "thin.avi", [source] * 3, codec=codec, pixel_format=stored)
    with VideoReader(path) as reader:
        frames = [f.data for f in reader.read(pixel_format=pixel_format)]
    assert [f.shape[:2] for f in frames] == [(height, width)] * 3
    assert all(np.abs(f.astype(int) - 100).max() <= 3 for f in frames)


OPENERS: dict[str, Callable[[Path], object]] = {
    "picture": VideoReader,
    "sound": AudioReader,
    "container": open_container,
    "digest": content_digest,
}


@pytest.mark.parametrize("opener", OPENERS)
def test_pipes_and_devices_are_no_files(tmp_path: Path, opener: str) -> None:
    pipe = tmp_path / "x.mp4"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero")):
        with pytest.raises(MediaError, match="is not a file; give a video file"):
            OPENERS[opener](path)


class Failing:
    """A stream or container of PyAV that raises an error of Python's own."""

    def __init__(self, wrapped, method: str):
        self._wrapped, self._method = wrapped, method

    def __getattr__(self, name: str):
        if name == self._method:
            return self._fail
        return getattr(self._wrapped, name)

    def _fail(self, *arguments):
        raise IndexError("list index out of range")


@pytest.mark.parametrize(("part", "method"), [("container", "demux"), ("stream", "decode")])
def test_any_error_out_of_pyav_is_damage(twenty: Path, part: str, method: str) -> None:
    run = DecodePass(twenty)
    setattr(run, part, Failing(getattr(run, part), method))
    if part == "stream":
        run._packets = lambda: iter([None])  # type: ignore[method-assign]
    assert list(run.frames()) == []
    assert "list index out of range" in (run.damage or "")
    run.close()


def test_any_error_out_of_pyav_is_a_packet_of_sound_lost(tmp_path: Path) -> None:
    path = wav(tmp_path / "a.wav", 16000)
    for part, method in (("_container", "demux"), ("_stream", "decode")):
        with AudioReader(path) as reader:
            if method == "demux":
                reader._container = Failing(reader._container, method)  # type: ignore[assignment]
            else:
                packets = list(reader._packets(reader._stream))  # type: ignore[arg-type]
                reader._packets = lambda stream, packets=packets: iter(packets)  # type: ignore[method-assign]
                reader._stream = Failing(reader._stream, method)  # type: ignore[assignment]
            assert list(reader.blocks()) == [], part
            assert "packets of sound cannot be decoded" in (reader.damage or "")


def wav(path: Path, rate: int, seconds: float = 2.0) -> Path:
    noise = np.random.default_rng(0).normal(0, 3000, round(16000 * seconds)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(noise.tobytes())
    return path


READ = """
import sys
from kinema.media.video import VideoFile
video = VideoFile(sys.argv[1])
assert sum(map(len, video.sound(16000))) == 0
try:
    video.check()
except Exception as error:
    print(error)
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.parametrize("rate", [2, 30_000_000, 100_000_007])
def test_sound_of_an_absurd_rate_is_refused(tmp_path: Path, rate: int) -> None:
    """At 2 samples a second this file would last an hour; a resampler from 100 MHz takes a gigabyte."""
    command = [sys.executable, "-c", READ, str(wav(tmp_path / "a.wav", rate))]
    told, peak = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert f"its sound claims {rate} samples per second; replace it" in told
    assert int(peak) < 150_000


def movie(path: Path, *, picture: float, sound: float) -> Path:
    """Pictures and sound side by side for so many seconds each."""
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as output:
        video = output.add_stream("flv1" if path.suffix == ".flv" else "mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = output.add_stream("aac", rate=16000, layout="mono")
        for step in range(round(25 * max(picture, sound))):
            if step < 25 * picture:
                frame = av.VideoFrame.from_ndarray(rng.integers(0, 255, (48, 64, 3)).astype(np.uint8))
                frame.pts, frame.time_base = step, Fraction(1, 25)
                output.mux(video.encode(frame))
            if step < 25 * sound:
                noise = rng.normal(0, 0.1, (1, 640)).astype(np.float32)
                block = av.AudioFrame.from_ndarray(noise, format="fltp", layout="mono")
                block.sample_rate, block.pts, block.time_base = 16000, step * 640, Fraction(1, 16000)
                output.mux(audio.encode(block))
        output.mux(video.encode())
        output.mux(audio.encode())
    return path


@pytest.mark.parametrize("ending", ["mkv", "flv"])
def test_a_cut_file_with_sound_is_damaged(tmp_path: Path, ending: str) -> None:
    path = movie(tmp_path / f"a.{ending}", picture=8, sound=8)
    video = VideoFile(path)
    assert len(video.times()) == 200
    video.check()
    data = path.read_bytes()
    end = len(data) * 3 // 10
    if ending == "flv":  # between two tags, where nothing else gives the cut away
        start = 13
        while start < end:
            start += 11 + int.from_bytes(data[start + 1 : start + 4], "big") + 4
        end = start
    path.write_bytes(data[:end])
    video = VideoFile(path)
    assert 30 < len(video.times()) < 90
    with pytest.raises(MediaError, match=r"ends after \d\.\d of 8\.\d seconds"):
        video.check()


@pytest.mark.parametrize("ending", ["mkv", "flv", "mp4", "avi", "ts"])
@pytest.mark.parametrize(("picture", "sound"), [(2, 8), (8, 2), (8, 8)])
def test_tracks_of_different_length_are_sane(tmp_path, ending, picture, sound) -> None:
    video = VideoFile(movie(tmp_path / f"a.{ending}", picture=picture, sound=sound))
    assert len(video.times()) == 25 * picture
    assert len(list(video.sound(16000))) == 1
    video.check()
    assert video.notes() == ()
