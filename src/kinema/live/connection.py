"""An RTSP or HTTP stream, watched through FFmpeg's demuxers."""

import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from urllib.parse import urlsplit, urlunsplit

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ..errors import MediaError, UsageError, printable
from ..media.audio import Resampler, mono
from ..media.clock import USUAL_FPS, Clock
from ..media.container import MAX_PIXELS, reason
from ..media.convert import FrameConverter
from .items import Item, Shot, Sound
from .reconnect import Connection, reconnecting

# Seconds until a server counts as gone: to answer at first, and between two packets.
_OPEN, _READ = 5.0, 10.0
# Never a file of this machine, whatever a playlist of the stream names.
_PROTOCOLS = "rtsp,rtsps,rtp,srtp,udp,tcp,tls,http,https,crypto"
# An end this near to the announced one is the end.
_SLACK_SECONDS = 1.0


class Url:
    """A stream by its URL. RTSP goes through TCP, so that no packet is lost on the way.

    A recording that is served (it announces a length) ends where it does; any other end is a loss. Over HTTP
    a recording is played at its own speed.
    """

    def __init__(self, url: str):
        self.url = url
        self.name = _without_password(url)

    def check(self) -> None:
        try:
            with self._opened() as container:
                next(container.decode(_video(container, self.name)))
        except (MediaError, StopIteration) as error:
            if isinstance(error, StopIteration):
                raise UsageError(f"{self.name} sends no frame; check the URL in a player") from None
            raise UsageError(str(error)) from None
        except Exception as error:  # PyAV lets more than FFmpegError through
            raise UsageError(
                f"{self.name} sends no frame ({reason(error)}); check the URL in a player"
            ) from None

    def items(self, stopped: threading.Event, sample_rate: int | None) -> Iterator[Item]:
        return reconnecting(lambda: self._connection(stopped, sample_rate), stopped)

    def _connection(self, stopped: threading.Event, sample_rate: int | None) -> Connection:
        with self._opened() as container:
            video = _video(container, self.name)
            length = None if container.duration is None else container.duration / av.time_base
            paced = length is not None and self.url.lower().startswith("http")
            decoder = _Decoder(container, video, sample_rate)
            began, last = time.monotonic(), 0.0
            try:
                for item in decoder.items():
                    if paced and stopped.wait(max(0.0, began + item.seconds - time.monotonic())):
                        return True
                    if stopped.is_set():
                        return True
                    last = max(last, item.seconds)
                    yield item
            except Exception as error:  # PyAV lets more than FFmpegError through
                raise MediaError(f"{reason(error)}") from None
            return length is not None and last >= length - _SLACK_SECONDS

    def _opened(self) -> InputContainer:
        options = {"protocol_whitelist": _PROTOCOLS, "max_pixels": str(MAX_PIXELS), "rtsp_transport": "tcp"}
        try:
            return av.open(self.url, metadata_errors="replace", options=options, timeout=(_OPEN, _READ))
        except Exception as error:  # PyAV lets more than FFmpegError through
            raise MediaError(
                f"{self.name} cannot be opened ({reason(error)}); check address, name and password"
            ) from None


class _Decoder:
    """Frames and sound of one connection, timed from its first frame."""

    def __init__(self, container: InputContainer, video: VideoStream, sample_rate: int | None):
        self.container, self.video = container, video
        self.audio = container.streams.audio[0] if sample_rate and container.streams.audio else None
        self._resampler = Resampler(sample_rate) if sample_rate else None
        rate = video.average_rate or video.guessed_rate
        self._clock = Clock(1 / float(rate) if rate else 1 / USUAL_FPS)
        self._convert: FrameConverter | None = None
        self._origin: float | None = None
        self._heard = 0.0

    def items(self) -> Iterator[Shot | Sound]:
        streams = [self.video] if self.audio is None else [self.video, self.audio]
        for packet in self.container.demux(*streams):
            try:
                decoded = packet.decode()
            except av.FFmpegError:  # a stream that is joined on its way begins with what refers to the past
                continue
            for one in decoded:
                if isinstance(one, VideoFrame):
                    yield self._shot(one)
                elif isinstance(one, AudioFrame) and self._origin is not None:
                    yield from self._sounds(one)

    def _shot(self, frame: VideoFrame) -> Shot:
        stamp = _seconds(frame.pts, frame.time_base)
        if self._convert is None:
            self._convert = FrameConverter(frame.width, frame.height, round(frame.rotation / 90) % 4, "rgb24")
            self._origin = stamp or 0.0
        return Shot(self._clock.seconds(stamp), time.monotonic(), partial(self._convert, frame))

    def _sounds(self, frame: AudioFrame) -> Iterator[Sound]:
        assert self._resampler is not None
        for samples in self._resampler.push(mono(frame), frame.sample_rate):
            seconds, self._heard = self._heard, self._heard + len(samples) / self._resampler.sample_rate
            if len(samples):
                yield Sound(seconds, time.monotonic(), np.clip(samples, -1.0, 1.0))


def _video(container: InputContainer, name: str) -> VideoStream:
    for stream in container.streams.video:
        if stream.codec_context is not None:
            stream.thread_count = 1
            return stream
    raise MediaError(f"{name} sends no pictures that can be decoded; check the URL in a player")


def _seconds(stamp: int | None, base: Fraction | None) -> float | None:
    return None if stamp is None or base is None else float(stamp * base)


def _without_password(url: str) -> str:
    """The URL as it can be shown."""
    parts = urlsplit(url)
    if parts.username is None:
        return printable(url)
    return printable(urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])))
