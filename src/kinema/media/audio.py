"""Sound tracks as mono samples on the video's clock, in constant memory."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.packet import Packet

from .container import audio_stream, open_container, video_stream

# Stamps jitter: a hole is filled only beyond this, FFmpeg's own limit in `aresample`.
_GAP_SECONDS = 0.1
_SILENCE_BLOCK = 1 << 16


def has_audio(path: str | Path) -> bool:
    """Whether the file has a sound track that can be decoded.

    Raises:
        MediaError: the file cannot be opened.
    """
    with open_container(path) as container:
        return audio_stream(container) is not None


def stream_audio(
    path: str | Path,
    *,
    sample_rate: int = 16000,
    start_seconds: float | None = None,
    end_seconds: float | None = None,
    block_seconds: float = 10.0,
) -> Iterator[np.ndarray]:
    """The first sound track, or a part of it, as blocks of mono samples; nothing where there is none.

    Yields float32 [n] in [-1, 1] at `sample_rate` Hz, every block `block_seconds` long but the last.
    See `AudioReader` for what mono and time mean.

    Raises:
        MediaError: the file cannot be opened.
    """
    with AudioReader(
        path, sample_rate=sample_rate, start_seconds=start_seconds, end_seconds=end_seconds
    ) as reader:
        yield from reader.blocks(block_seconds)


class AudioReader:
    """Decodes the first sound track of a file once, in order.

    Mono is the plain mean of all channels, as in VGGish's and librosa's input. Sample 0 is the time
    of the video's first frame (of the first sound where there is no video): a track that starts later
    is preceded by zeros, one that starts earlier is cut. A hole of more than 0.1 s between stamps is
    filled with zeros, so that sound stays in step with the picture. Packets that cannot be decoded
    are skipped and counted in `skipped_packets`. Samples that are not finite become 0.

    Raises:
        MediaError: the file cannot be opened.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        sample_rate: int = 16000,
        start_seconds: float | None = None,
        end_seconds: float | None = None,
    ):
        self.sample_rate = sample_rate
        self.skipped_packets = 0
        self._first = round((start_seconds or 0.0) * sample_rate)
        self._stop = None if end_seconds is None else round(end_seconds * sample_rate)
        self._container = open_container(path)
        self._stream = audio_stream(self._container)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the file and the decoder; safe to call twice."""
        self._container.close()

    def blocks(self, block_seconds: float = 10.0) -> Iterator[np.ndarray]:
        """Blocks float32 [n] in [-1, 1], all of `block_seconds` but the last. Call once."""
        size = max(1, round(block_seconds * self.sample_rate))
        return _in_blocks(self._part(), size)

    def _part(self) -> Iterator[np.ndarray]:
        """The samples between the part's bounds; stops decoding at its end."""
        position = 0
        for samples in self._resampled():
            low = max(self._first - position, 0)
            high = len(samples) if self._stop is None else self._stop - position
            if low < min(high, len(samples)):
                yield np.clip(samples[low:high], -1.0, 1.0)
            position += len(samples)
            if self._stop is not None and position >= self._stop:
                return

    def _resampled(self) -> Iterator[np.ndarray]:
        """Samples at `sample_rate`; a track may change its own rate on the way."""
        resampler, rate = None, 0
        for samples, own_rate in self._aligned():
            if resampler is not None and own_rate != rate:
                yield from _samples(resampler.resample(None))
                resampler = None
            if resampler is None:
                resampler, rate = AudioResampler(format="flt", layout="mono", rate=self.sample_rate), own_rate
            frame = AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
            frame.sample_rate = rate
            yield from _samples(resampler.resample(frame))
        if resampler is not None:
            yield from _samples(resampler.resample(None))

    def _aligned(self) -> Iterator[tuple[np.ndarray, int]]:
        """Mono samples at the track's own rate, put on the video's clock by silence and a first cut."""
        origin, now, tolerance = self._video_start(), 0.0, 0.0
        for samples, rate, stamp in self._decoded():
            if stamp is not None:
                origin = stamp if origin is None else origin
                gap = stamp - origin - now
                if gap > tolerance and stamp - origin <= self._longest:
                    yield from ((block, rate) for block in _silence(round(gap * rate)))
                    now += gap
                elif gap < 0 and tolerance == 0:
                    samples = samples[round(-gap * rate) :]
            if len(samples):
                now += len(samples) / rate
                tolerance = _GAP_SECONDS
                yield samples, rate

    @property
    def _longest(self) -> float:
        """Seconds after which a stamp is nonsense: it would fill the rest of the track with silence."""
        duration = self._container.duration
        return duration / av.time_base + 1.0 if duration and duration > 0 else math.inf

    def _video_start(self) -> float | None:
        video = video_stream(self._container)
        if video is None or video.start_time is None or video.time_base is None:
            return None
        return float(video.start_time * video.time_base)

    def _decoded(self) -> Iterator[tuple[np.ndarray, int, float | None]]:
        """Mono samples of each decoded frame, their rate in Hz and their stamp in seconds."""
        if self._stream is None:
            return
        for packet in self._packets(self._stream):
            try:
                frames = self._stream.decode(packet)
            except av.FFmpegError:
                self.skipped_packets += 1
                continue
            for frame in frames:
                stamp = None
                if frame.pts is not None and frame.time_base is not None:
                    stamp = float(frame.pts * frame.time_base)
                yield _mono(frame), frame.sample_rate, stamp

    def _packets(self, stream: AudioStream) -> Iterator[Packet | None]:
        """The track's packets, then None, which asks the decoder for what it still holds."""
        try:
            # The decoder would take an empty packet for the end of the track.
            yield from (packet for packet in self._container.demux(stream) if packet.size)
        except av.FFmpegError:
            self.skipped_packets += 1
        yield None


def _mono(frame: AudioFrame) -> np.ndarray:
    """The mean of a frame's channels: float32 [n], full scale 1."""
    samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    mean = samples.mean(axis=0, dtype=np.float64)
    if samples.dtype == np.uint8:
        mean = (mean - 128) / 128
    elif samples.dtype.kind == "i":
        mean /= 2.0 ** (8 * samples.dtype.itemsize - 1)
    return np.nan_to_num(mean, copy=False, nan=0.0, posinf=0.0, neginf=0.0).astype(np.float32)


def _samples(frames: list[AudioFrame]) -> Iterator[np.ndarray]:
    return (frame.to_ndarray().reshape(-1) for frame in frames)


def _silence(count: int) -> Iterator[np.ndarray]:
    for start in range(0, count, _SILENCE_BLOCK):
        yield np.zeros(min(_SILENCE_BLOCK, count - start), np.float32)


def _in_blocks(pieces: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """Cut and join pieces into arrays of `size` samples; the last one may be shorter."""
    block, filled = np.empty(size, np.float32), 0
    for piece in pieces:
        while len(piece):
            taken = piece[: size - filled]
            block[filled : filled + len(taken)] = taken
            filled += len(taken)
            piece = piece[len(taken) :]
            if filled == size:
                yield block
                block, filled = np.empty(size, np.float32), 0
    if filled:
        yield block[:filled].copy()
