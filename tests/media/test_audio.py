from __future__ import annotations

import struct
import wave
from fractions import Fraction
from pathlib import Path

import av
import librosa
import numpy as np
import pytest

from kinema.errors import MediaError
from kinema.media.audio import AudioReader
from support.whole_sound import sound_of


def write_wav(path: Path, samples: np.ndarray, rate: int) -> Path:
    """16-bit PCM from [n] or [n, channels] in [-1, 1], by the standard library."""
    samples = samples.reshape(len(samples), -1)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.rint(samples * 32767).astype("<i2").tobytes())
    return path


def sine(frequency: float, rate: int, seconds: float, amplitude: float = 0.5) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * frequency * np.arange(round(rate * seconds)) / rate)


def read(path: Path, **how) -> np.ndarray:
    blocks = list(sound_of(path, **how))
    assert all(b.dtype == np.float32 and b.ndim == 1 for b in blocks)
    return np.concatenate(blocks)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000])
def test_every_rate_becomes_the_same_sine(tmp_path: Path, rate: int) -> None:
    samples = read(write_wav(tmp_path / "a.wav", sine(440, rate, 2.0), rate))
    assert abs(len(samples) - 32000) <= 1  # flushed: the resampler keeps nothing
    middle = slice(2000, 30000)
    np.testing.assert_allclose(samples[middle], sine(440, 16000, 2.0)[middle], atol=0.01)


def test_agrees_with_librosa(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    smooth = np.convolve(rng.normal(size=(44100)), np.hanning(40) / 20, "same") / 4
    path = write_wav(tmp_path / "a.wav", np.stack([smooth, sine(300, 44100, 1.0)], axis=1), 44100)
    expected, _ = librosa.load(path, sr=None, mono=True)
    np.testing.assert_allclose(read(path, sample_rate=44100), expected, atol=1e-4)


def test_same_rate_is_exact(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(-32768, 32767, 20000)
    path = write_wav(tmp_path / "a.wav", values / 32767, 16000)
    with wave.open(str(path)) as file:
        stored = np.frombuffer(file.readframes(20000), "<i2")
    np.testing.assert_array_equal(read(path), stored.astype(np.float32) / 32768)


@pytest.mark.parametrize("channels", [2, 3, 6, 8])
def test_mono_is_the_mean_of_the_channels(tmp_path: Path, channels: int) -> None:
    parts = np.stack([sine(200 * (c + 1), 16000, 1.0, 0.9) for c in range(channels)], axis=1)
    samples = read(write_wav(tmp_path / "a.wav", parts, 16000))
    np.testing.assert_allclose(samples, parts.mean(axis=1), atol=1e-4)


def test_blocks_join_to_the_whole(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", sine(440, 44100, 3.3), 44100)
    blocks = list(sound_of(path, block_seconds=0.5))
    assert [len(b) for b in blocks[:-1]] == [8000] * (len(blocks) - 1)
    assert 0 < len(blocks[-1]) <= 8000
    np.testing.assert_array_equal(np.concatenate(blocks), read(path, block_seconds=100))


def test_parts_are_slices_of_the_whole(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", sine(440, 44100, 3.0), 44100)
    whole = read(path)
    part = read(path, start_seconds=0.7, end_seconds=1.9)
    np.testing.assert_array_equal(part, whole[11200:30400])
    np.testing.assert_array_equal(read(path, start_seconds=2.0), whole[32000:])
    assert list(sound_of(path, start_seconds=60.0)) == []


@pytest.mark.parametrize(
    ("codec", "sample_format"),
    [("pcm_u8", "u8"), ("pcm_s32le", "s32"), ("pcm_f32le", "flt"), ("pcm_f64le", "dbl"), ("flac", "s16")],
)
def test_sample_formats_have_one_scale(tmp_path: Path, codec: str, sample_format: str) -> None:
    path = tmp_path / "a.mkv"
    tone = sine(440, 16000, 1.0)
    scaled = {
        "u8": np.rint(tone * 127 + 128).astype(np.uint8),
        "s16": np.rint(tone * 2**15).astype(np.int16),
        "s32": np.rint(tone * 2**31).astype(np.int32),
        "flt": tone.astype(np.float32),
        "dbl": tone,
    }[sample_format]
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=16000, layout="mono", format=sample_format)
        frame = av.AudioFrame.from_ndarray(scaled[None], format=sample_format, layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 16000, 0, Fraction(1, 16000)
        output.mux(stream.encode(frame))
        output.mux(stream.encode())
    np.testing.assert_allclose(read(path)[:16000], tone, atol=0.01)


def test_not_finite_and_too_loud_samples_are_tamed(tmp_path: Path) -> None:
    values = np.array([0.5, np.nan, np.inf, -np.inf, 3.0, -3.0] * 1000, np.float32)
    header = b"RIFF" + struct.pack("<I", 36 + values.nbytes) + b"WAVEfmt "
    header += (
        struct.pack("<IHHIIHH", 16, 3, 1, 16000, 64000, 4, 32) + b"data" + struct.pack("<I", values.nbytes)
    )
    path = tmp_path / "a.wav"
    path.write_bytes(header + values.tobytes())
    np.testing.assert_array_equal(read(path)[:6], [0.5, 0, 0, 0, 1, -1])


def make_av(path: Path, sound_offset: float, holes: tuple[float, float] | None = None) -> Path:
    """Two seconds of video from 1 s on, and a 1 kHz tone that starts `sound_offset` after the picture."""
    with av.open(str(path), "w") as output:
        video = output.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound = output.add_stream("pcm_s16le", rate=16000, layout="mono")
        tone = np.rint(sine(1000, 16000, 2.0) * 32767).astype(np.int16)
        for index in range(50):
            picture = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8))
            picture.pts, picture.time_base = 25 + index, Fraction(1, 25)
            output.mux(video.encode(picture))
        output.mux(video.encode())
        for start in range(0, len(tone), 800):
            seconds = start / 16000
            if holes and holes[0] <= seconds < holes[1]:
                continue
            frame = av.AudioFrame.from_ndarray(tone[None, start : start + 800], format="s16", layout="mono")
            frame.sample_rate, frame.time_base = 16000, Fraction(1, 16000)
            frame.pts = round((1 + sound_offset) * 16000) + start
            output.mux(sound.encode(frame))
        output.mux(sound.encode())
    return path


def test_sound_that_starts_late_is_preceded_by_zeros(tmp_path: Path) -> None:
    samples = read(make_av(tmp_path / "late.mkv", 0.5))
    assert not samples[:7984].any()
    assert np.abs(samples[8000:8032]).max() > 0.4
    assert len(samples) == pytest.approx(40000, abs=32)


def test_sound_that_starts_early_is_cut(tmp_path: Path) -> None:
    early, on_time = read(make_av(tmp_path / "e.mkv", -0.52)), read(make_av(tmp_path / "o.mkv", 0.0))
    assert len(early) == pytest.approx(32000 - 0.52 * 16000, abs=32)
    np.testing.assert_allclose(early, on_time[8320 : 8320 + len(early)], atol=1e-4)


def test_holes_are_filled_with_silence(tmp_path: Path) -> None:
    samples = read(make_av(tmp_path / "hole.mkv", 0.0, holes=(0.5, 1.0)))
    whole = read(make_av(tmp_path / "whole.mkv", 0.0))
    assert len(samples) == pytest.approx(len(whole), abs=2)
    assert not samples[8020:15980].any()
    np.testing.assert_allclose(samples[17000:], whole[17000 : len(samples)], atol=1e-3)


def test_corrupt_packets_are_skipped_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("flac", rate=16000, layout="mono", format="s16")
        tone = np.rint(sine(440, 16000, 4.0) * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(tone[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 16000, 0, Fraction(1, 16000)
        output.mux(stream.encode(frame))
        output.mux(stream.encode())
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(audio=0) if packet.size]
    data = bytearray(path.read_bytes())
    for packet in packets[3:6]:
        start = data.index(packet)
        data[start : start + len(packet)] = bytes(len(packet))
    path.write_bytes(data)
    with AudioReader(path) as reader:
        count = sum(len(block) for block in reader.blocks())
        assert reader.skipped_packets == 3
    assert count == pytest.approx(64000, abs=32)  # the lost fifth of a second is silence


def test_no_sound_track_yields_nothing(twenty: Path) -> None:
    assert list(sound_of(twenty)) == []


def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(MediaError):
        list(sound_of(tmp_path / "absent.mp4"))
