"""What a container promises of pictures and sound is held against what can be decoded."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from kinema.errors import MediaError
from kinema.media import audio, decode
from kinema.media.probe import probe
from kinema.media.reader import VideoReader
from kinema.media.video import VideoFile

RATE, FPS, SECONDS = 48000, 10, 4
CODECS = {
    ".mkv": ("libx264", "flac", "s16"),
    ".webm": ("libvpx", "libopus", "s16"),
    ".flv": ("flv", "libmp3lame", "s16p"),
    ".mp4": ("libx264", "aac", "fltp"),
    ".mov": ("mjpeg", "pcm_s16le", "s16"),
    ".avi": ("mpeg4", "libmp3lame", "s16p"),
}


def write(path: Path, *, pictures: float = SECONDS, sound: float = SECONDS) -> Path:
    """Noise to see and hear, interleaved, for so many seconds each; FLV takes 44.1 kHz."""
    random = np.random.default_rng(0)
    codec, sound_codec, form = CODECS[path.suffix]
    options = {"movflags": "faststart"} if path.suffix in (".mp4", ".mov") else {}
    with av.open(str(path), "w", options=options) as container:
        video = container.add_stream(codec, rate=FPS)
        video.width, video.height = 64, 48
        video.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        rate = 44100 if path.suffix == ".flv" else RATE
        track = container.add_stream(sound_codec, rate=rate, layout="mono", format=form)
        track.bit_rate = 64_000
        for number in range(round(max(pictures, sound) * FPS)):
            if number < pictures * FPS:
                picture = random.integers(0, 255, (48, 64, 3)).astype(np.uint8)
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, FPS)
                container.mux(video.encode(frame))
            if number < sound * FPS:
                block = random.normal(0, 0.1, (1, rate // FPS)).astype(np.float32)
                heard = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
                heard.sample_rate, heard.time_base = rate, Fraction(1, rate)
                heard.pts = number * (rate // FPS)
                container.mux(track.encode(heard))
        for stream in (video, track):
            container.mux(stream.encode(None))
    return path


def cut(path: Path, share: float) -> Path:
    """The first part of a file, by bytes."""
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    return path


def heard(path: Path) -> str | None:
    """The damage that the sound alone shows."""
    with audio.AudioReader(path) as reader:
        for _ in reader.blocks():
            pass
        return reader.damage


@pytest.mark.parametrize("suffix", CODECS)
def test_a_whole_file_is_not_damaged(suffix: str, tmp_path: Path):
    path = write(tmp_path / f"v{suffix}")
    assert heard(path) is None
    assert probe(path).damage is None


@pytest.mark.parametrize("suffix", CODECS)
def test_a_cut_file_is_damaged_for_those_who_listen_too(suffix: str, tmp_path: Path):
    path = cut(write(tmp_path / f"v{suffix}"), 0.6)
    assert "of 4.0 seconds" in str(heard(path))
    assert probe(path).damage is not None
    video = VideoFile(path)
    assert sum(len(block) for block in video.sound(16000)) > 0
    with pytest.raises(MediaError, match=r"damaged: its sound ends after .*replace it"):
        video.check()


@pytest.mark.parametrize("suffix", [".mkv", ".webm", ".flv"])
def test_a_short_file_need_not_lack_a_second(suffix: str, tmp_path: Path):
    assert probe(cut(write(tmp_path / f"v{suffix}", pictures=1.2, sound=1.2), 0.5)).damage is not None


@pytest.mark.parametrize("suffix", CODECS)
def test_sound_that_ends_before_the_pictures_is_no_damage(suffix: str, tmp_path: Path):
    path = write(tmp_path / f"v{suffix}", sound=1.0)
    assert heard(path) is None
    assert probe(path).damage is None


@pytest.mark.parametrize("suffix", CODECS)
def test_pictures_that_end_before_the_sound_are_no_damage(suffix: str, tmp_path: Path):
    assert probe(write(tmp_path / f"v{suffix}", pictures=1.0)).damage is None


def test_pictures_that_stop_while_the_sound_goes_on_are_damage(tmp_path: Path):
    """Matroska says the length of each track; the packets of the later pictures are lost here."""
    whole = write(tmp_path / "v.mkv").read_bytes()
    with av.open(str(tmp_path / "v.mkv")) as container:
        at = [p.pos for p in container.demux(video=0) if p.size][15:]
    data = bytearray(whole)
    for pos in at:  # the number of the track, in the head of its block
        block = data.index(b"\x81", pos, pos + 16)
        data[block] = 0x85
    (tmp_path / "v.mkv").write_bytes(data)
    assert "ends after 1.5 of 4.0 seconds" in str(probe(tmp_path / "v.mkv").damage)


def test_packets_that_give_no_sound_are_lost_though_no_decoder_complains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = write(tmp_path / "v.mp4")
    decoded = audio.AudioReader._packets

    def hollow(self, stream):
        for number, packet in enumerate(decoded(self, stream)):
            if packet is None or number % 3 == 0:
                yield packet
            else:
                self.packets += 1

    monkeypatch.setattr(audio.AudioReader, "_packets", hollow)
    assert "packets of sound cannot be decoded" in str(heard(path))


def test_scan_reports_sound_that_cannot_be_decoded(tmp_path: Path):
    path = write(tmp_path / "v.mkv")
    with av.open(str(path)) as container:
        packets = [(p.pos, p.size) for p in container.demux(audio=0) if p.size]
    data = bytearray(path.read_bytes())
    for pos, size in packets[3:]:
        data[pos + size // 4 : pos + size] = bytes(size - size // 4)
    path.write_bytes(data)
    assert "packets of sound cannot be decoded" in str(probe(path).damage)


SURROUND = """
import sys
import numpy as np
from kinema.media.video import VideoFile
sound = np.concatenate(list(VideoFile(sys.argv[1]).sound(48000)))
print(len(sound), float(np.abs(sound).max()))
"""


def test_eight_planes_of_sound_are_heard(tmp_path: Path):
    """PyAV reads past the pointers to the planes of such a frame, which ended the whole process."""
    path = tmp_path / "surround.mkv"
    with av.open(str(path), "w") as container:
        track = container.add_stream("aac", rate=48000, layout="7.1")
        samples = (np.random.default_rng(0).normal(size=(1, 8 * 4096)) * 3000).astype(np.int16)
        for number in range(5):
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="7.1")
            frame.sample_rate, frame.pts = 48000, 4096 * number
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
    done = subprocess.run([sys.executable, "-c", SURROUND, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    count, peak = done.stdout.split()
    assert int(count) >= 5 * 4096
    assert float(peak) > 0.01


@pytest.mark.parametrize("error", [IndexError("list index out of range"), KeyError("x"), MemoryError()])
def test_whatever_pyav_raises_is_the_file_s_fault(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = write(tmp_path / "v.mkv", pictures=1, sound=1)

    def broken(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(decode, "_in_seconds", broken)
        with pytest.raises(MediaError, match=f"{type(error).__name__}.*replace it$"):
            VideoReader(path)
    with monkeypatch.context() as patch:
        patch.setattr(audio, "AudioResampler", broken)
        with pytest.raises(MediaError, match=f"{type(error).__name__}.*replace it$"):
            list(VideoFile(path).sound(16000))
    with monkeypatch.context() as patch:
        patch.setattr(av, "open", broken)
        with pytest.raises(MediaError, match=r"not readable media.*replace it$"):
            VideoReader(path)
