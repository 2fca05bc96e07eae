"""Sound tracks as mono samples on the video's clock, in constant memory."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.packet import Packet

from .clock import GAP_NOTE, GAP_SECONDS
from .container import audio_stream, damaged_as_media, open_container, video_stream
from .length import Length

# Stamps jitter: a hole is filled only beyond this, FFmpeg's own limit in `aresample`.
_HOLE_SECONDS = 0.1
_SILENCE_BLOCK = 1 << 16
_BLOCK_SECONDS = 10.0
# Packets that decoders hold back, or use up before the first sound.
_DELAY = 2
_PLANES = 8
# Hz. Below, few samples claim hours of sound; above, the resampler's filter takes gigabytes.
LOWEST_RATE, HIGHEST_RATE = 1000, 1_000_000


class AudioReader:
    """Decodes the first sound track of a file once, in order.

    Mono is the plain mean of all channels, as in VGGish's and librosa's input. Sample 0 is the time
    of the video's first frame (of the first sound where there is no video): a track that starts later
    is preceded by zeros, one that starts earlier is cut. A hole of more than 0.1 s between stamps is
    filled with zeros, so that sound stays in step with the picture. A hole of more than `GAP_SECONDS` is a
    gap and no content: it is left out, and `note` says so. Packets that cannot be decoded are skipped and
    counted in `skipped_packets`. `damage` is more than half of `packets` without sound, a rate outside 1 kHz
    to 1 MHz, which ends the track, and an end well before the one that the header gives. Samples that are not
    finite become 0.
    Raises `MediaError` where the file cannot be opened, or its sound is such that FFmpeg cannot convert it.
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
        self.packets = self.skipped_packets = 0
        self.note: str | None = None
        self._decoded_frames = 0
        self._absurd_rate: int | None = None
        self._early: str | None = None
        self._path = path
        self._first = round((start_seconds or 0.0) * sample_rate)
        self._stop = None if end_seconds is None else round(end_seconds * sample_rate)
        self._container = open_container(path)
        self._stream = audio_stream(self._container)
        self._length = Length(self._container, self._stream) if self._stream else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the file and the decoder; safe to call twice."""
        self._container.close()

    @property
    def damage(self) -> str | None:
        """One line on the sound read so far where most of it is lost, or None."""
        if self._absurd_rate is not None:
            return f"its sound claims {self._absurd_rate} samples per second"
        lost = max(self.skipped_packets, self.packets - self._decoded_frames - _DELAY)
        if 2 * lost > self.packets:
            return f"{lost} of {self.packets} packets of sound cannot be decoded"
        return self._early and f"its sound {self._early}"

    def blocks(self, block_seconds: float = _BLOCK_SECONDS) -> Iterator[np.ndarray]:
        """Blocks float32 [n] in [-1, 1], all of `block_seconds` but the last. Call once."""
        samples = _part(resampled(self._aligned(), self.sample_rate), self._first, self._stop)
        with damaged_as_media(self._path):
            yield from in_blocks(samples, self.sample_rate, block_seconds)

    def _aligned(self) -> Iterator[tuple[np.ndarray, int]]:
        """Mono samples at the track's own rate, put on the video's clock by silence and a first cut."""
        origin, now, tolerance = self._video_start(), 0.0, 0.0
        for samples, rate, stamp in self._decoded():
            if stamp is not None:
                origin = stamp if origin is None else origin
                gap = stamp - origin - now
                if gap > GAP_SECONDS or (tolerance and gap < -GAP_SECONDS):
                    origin += gap
                    self.note = GAP_NOTE if gap > 0 else self.note
                elif gap > tolerance:
                    yield from ((block, rate) for block in _silence(round(gap * rate)))
                    now += gap
                elif gap < 0 and tolerance == 0:
                    samples = samples[round(-gap * rate) :]
            if len(samples):
                now += len(samples) / rate
                tolerance = _HOLE_SECONDS
                yield samples, rate

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
            self.packets += packet is not None and not packet.is_discard
            try:
                decoded = [(frame, mono(frame)) for frame in self._stream.decode(packet)]
            except Exception:  # PyAV lets more than FFmpegError through
                self.skipped_packets += 1
                continue
            self._decoded_frames += len(decoded)
            for frame, samples in decoded:
                if not LOWEST_RATE <= frame.sample_rate <= HIGHEST_RATE:
                    self._absurd_rate = frame.sample_rate
                    return
                stamp = None
                if frame.pts is not None and frame.time_base is not None:
                    stamp = float(frame.pts * frame.time_base)
                yield samples, frame.sample_rate, stamp

    def _packets(self, stream: AudioStream) -> Iterator[Packet | None]:
        """The track's packets, then None, which asks the decoder for what it still holds."""
        length = self._length
        assert length is not None
        try:
            for packet in self._container.demux(*length.streams):
                length.see(packet)
                # The decoder would take an empty packet for the end of the track.
                if packet.size and packet.stream is stream:
                    yield packet
        except Exception:
            self.skipped_packets += 1
        self._early = length.early_end()
        yield None


def resampled(pieces: Iterable[tuple[np.ndarray, int]], sample_rate: int) -> Iterator[np.ndarray]:
    """Mono samples float32 [n] with their rates, brought to `sample_rate`; the rate may change on the way."""
    resampler = Resampler(sample_rate)
    for samples, own_rate in pieces:
        yield from resampler.push(samples, own_rate)
    yield from resampler.finish()


class Resampler:
    """Mono samples float32 [n] at any rate, pushed in; those at `sample_rate` come out, a little later."""

    def __init__(self, sample_rate: int):
        self.sample_rate = sample_rate
        self._resampler: AudioResampler | None = None
        self._rate = 0

    def push(self, samples: np.ndarray, rate: int) -> list[np.ndarray]:
        """Take samples at `rate` Hz, which may differ from the rate before."""
        rest = self.finish() if rate != self._rate else []
        if self._resampler is None:
            self._resampler = AudioResampler(format="flt", layout="mono", rate=self.sample_rate)
            self._rate = rate
        frame = AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
        frame.sample_rate = rate
        return rest + _samples(self._resampler.resample(frame))

    def finish(self) -> list[np.ndarray]:
        """What is still held back."""
        if self._resampler is None:
            return []
        resampler, self._resampler = self._resampler, None
        return _samples(resampler.resample(None))


def _part(pieces: Iterable[np.ndarray], first: int, stop: int | None) -> Iterator[np.ndarray]:
    """The samples `first` to `stop`; takes no more pieces than that needs."""
    position = 0
    for samples in pieces:
        low = max(first - position, 0)
        high = len(samples) if stop is None else stop - position
        if low < min(high, len(samples)):
            yield samples[low:high]
        position += len(samples)
        if stop is not None and position >= stop:
            return


def mono(frame: AudioFrame) -> np.ndarray:
    """The mean of a frame's channels: float32 [n], full scale 1."""
    if frame.format.is_planar and frame.layout.nb_channels >= _PLANES:
        # PyAV reads past the pointers to eight planes, which ends the process.
        packed = frame.format.packed.name
        rate, layout = frame.sample_rate, frame.layout
        (frame,) = AudioResampler(format=packed, layout=layout, rate=rate).resample(frame)
    samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    mean = samples.mean(axis=0, dtype=np.float64)
    if samples.dtype == np.uint8:
        mean = (mean - 128) / 128
    elif samples.dtype.kind == "i":
        mean /= 2.0 ** (8 * samples.dtype.itemsize - 1)
    return finite(mean)


def finite(samples: np.ndarray) -> np.ndarray:
    """Samples as float32, with 0 for those that are not finite."""
    return np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0).astype(np.float32)


def _samples(frames: list[AudioFrame]) -> list[np.ndarray]:
    return [frame.to_ndarray().reshape(-1) for frame in frames]


def _silence(count: int) -> Iterator[np.ndarray]:
    for start in range(0, count, _SILENCE_BLOCK):
        yield np.zeros(min(_SILENCE_BLOCK, count - start), np.float32)


def in_blocks(
    pieces: Iterable[np.ndarray], sample_rate: int, block_seconds: float = _BLOCK_SECONDS
) -> Iterator[np.ndarray]:
    """Pieces clipped to [-1, 1], cut and joined into blocks of `block_seconds`; the last may be shorter."""
    size = max(1, round(block_seconds * sample_rate))
    block, filled = np.empty(size, np.float32), 0
    for piece in pieces:
        while len(piece):
            taken = piece[: size - filled]
            block[filled : filled + len(taken)] = np.clip(taken, -1.0, 1.0)
            filled += len(taken)
            piece = piece[len(taken) :]
            if filled == size:
                yield block
                block, filled = np.empty(size, np.float32), 0
    if filled:
        yield block[:filled].copy()
