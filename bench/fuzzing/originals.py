"""Short valid videos in twelve containers, with sound where the container takes it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from kinema.datasets.synthetic import make_synthetic
from kinema.errors import MediaError
from kinema.media.video import VideoFile

FPS, FRAMES, SIZE, RATE = 12, 16, (128, 96), 16000
# Suffix: FFmpeg's name of the container, encoder of the pictures, encoder of the sound.
CONTAINERS: dict[str, tuple[str, str, str | None]] = {
    ".mp4": ("mp4", "libx264", "aac"),
    ".mov": ("mov", "mjpeg", "pcm_s16le"),
    ".m4v": ("mp4", "mpeg4", "aac"),
    ".mkv": ("matroska", "libx264", "flac"),
    ".webm": ("webm", "libvpx", "libopus"),
    ".avi": ("avi", "mpeg4", "libmp3lame"),
    ".flv": ("flv", "flv", "aac"),
    ".ts": ("mpegts", "mpeg2video", "mp2"),
    ".mpg": ("mpeg", "mpeg1video", "mp2"),
    ".3gp": ("3gp", "h263", "aac"),
    ".ogv": ("ogg", "libvpx", "libopus"),
    ".wmv": ("asf", "wmv2", "wmav2"),
}
# MPEG's own rates; 12 is none of them.
_RATES = {".ts": 25, ".mpg": 25}
# FFmpeg's Opus encoder takes 48 kHz, its 16-bit encoders interleaved samples.
_SOUND = {
    "libopus": (48000, "s16"),
    "libmp3lame": (16000, "s16p"),
    "mp2": (16000, "s16"),
    "pcm_s16le": (16000, "s16"),
}
_SOUND |= {"flac": (16000, "s16"), "aac": (16000, "fltp"), "wmav2": (16000, "fltp")}
REAL = ("ucf101_6/videos/Surfing/*.avi", "hockey/train/*/*")


def originals(folder: Path, data: Path | None) -> dict[str, bytes]:
    """Name with suffix -> file: every container with two synthetic clips, and with two of `data` if given."""
    clips = list(_synthetic(folder)) + (list(_real(data)) if data else [])
    files = {}
    for source, (pictures, sound) in enumerate(clips):
        for suffix in CONTAINERS:
            files[f"{source}{suffix}"] = encoded(suffix, pictures, sound)
    return files


def _synthetic(folder: Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    table = make_synthetic(
        folder, actors=2, clips_per_actor=1, classes=("strike_bell", "waving"),
        seconds=FRAMES / FPS, fps=FPS, width=SIZE[0], height=SIZE[1],
    )  # fmt: skip
    for path in sorted(table.parent.glob("*/*_g01_*.mp4")):
        yield _decoded(path)


def _real(data: Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for pattern in REAL:
        for path in sorted(data.glob(pattern))[:1]:
            yield _decoded(path)


def _decoded(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The first pictures uint8 [N, H, W, 3], scaled by leaving pixels out, and mono sound float32 [n]."""
    video = VideoFile(path)
    pictures = []
    for frame in video.frames():
        rows = np.linspace(0, frame.data.shape[0] - 1, SIZE[1]).astype(int)
        columns = np.linspace(0, frame.data.shape[1] - 1, SIZE[0]).astype(int)
        pictures.append(frame.data[rows][:, columns])
        if len(pictures) == FRAMES:
            break
    try:
        sound = np.concatenate([*video.sound(RATE), np.zeros(0, np.float32)])[: RATE * FRAMES // FPS]
    except MediaError:
        sound = np.zeros(0, np.float32)
    return np.stack(pictures), sound


def encoded(suffix: str, pictures: np.ndarray, sound: np.ndarray) -> bytes:
    """One clip in one container."""
    container_name, codec, sound_codec = CONTAINERS[suffix]
    out = io.BytesIO()
    with av.open(out, "w", format=container_name, options={"fflags": "+bitexact"}) as container:
        fps = _RATES.get(suffix, FPS)
        video = container.add_stream(codec, rate=fps, options={"flags": "+bitexact"})
        video.width, video.height = SIZE
        video.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        video.thread_count = 1
        audio = None
        if sound_codec and len(sound):
            rate, layout_format = _SOUND[sound_codec]
            audio = container.add_stream(sound_codec, rate=rate, layout="mono", format=layout_format)
            audio.bit_rate = 32_000
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(video.encode(frame))
            if audio is not None:
                step = RATE // FPS
                _sound(container, audio, sound, number * step, step)
        container.mux(video.encode(None))
        if audio is not None:
            container.mux(audio.encode(None))
    return out.getvalue()


def _sound(container, stream, sound: np.ndarray, start: int, count: int) -> None:
    samples = sound[start : start + count]
    if len(samples):
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None]), format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
        container.mux(stream.encode(frame))


def with_jumps(suffix: str, data: bytes, jumps: list[tuple[int, float]]) -> bytes:
    """The same packets with their stamps moved: from packet `n` of each stream on by so many seconds."""
    out = io.BytesIO()
    with (
        av.open(io.BytesIO(data)) as source,
        av.open(out, "w", format=CONTAINERS[suffix][0], options={"fflags": "+bitexact"}) as target,
    ):
        streams = {s.index: target.add_stream_from_template(s) for s in source.streams}
        seen = dict.fromkeys(streams, 0)
        for packet in source.demux():
            if packet.dts is None:
                continue
            number = seen[packet.stream.index]
            seen[packet.stream.index] += 1
            shift = round(sum(seconds for at, seconds in jumps if number >= at) / packet.time_base)
            packet.stream = streams[packet.stream.index]
            packet.dts += shift
            if packet.pts is not None:
                packet.pts += shift
            target.mux(packet)
    return out.getvalue()
