"""One pass over a video file: pictures in order with their times, and what was damaged on the way."""

from collections.abc import Iterator
from pathlib import Path

from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ..errors import MediaError
from .clock import USUAL_FPS, Clock, with_sorted_stamps
from .container import MAX_PIXELS, damaged_as_media, open_container, reason, shown, video_stream
from .length import Length

# Only AVI leaves the stamps to guesswork; H.264 pyramids inside it reach four frames back.
LOOKAHEAD = {"avi": 4}


class DecodePass:
    """Decodes the video stream of a file once, in order, from its first frame.

    A packet that cannot be decoded is skipped and a read error ends the pass; both are told in
    `damage`, as is a file that ends well before its header says. `note` tells that time stamps jump.
    Decoding stays on one thread: the processor is left to whoever runs several readers.
    Raises `MediaError` where the file cannot be opened, has no video stream with a known codec, or pictures
    of more than `MAX_PIXELS`.
    """

    def __init__(self, path: str | Path):
        self.path = path
        self.container: InputContainer = open_container(path)
        stream = video_stream(self.container)
        if stream is None or stream.codec_context is None:
            self.container.close()
            what = "no video stream" if stream is None else "a video codec that cannot be decoded"
            raise MediaError(f"{shown(path)} has {what}; replace it or leave it out")
        self.stream: VideoStream = stream
        size = stream.codec_context.width, stream.codec_context.height
        if size[0] * size[1] > MAX_PIXELS:
            self.container.close()
            most = f"{MAX_PIXELS:,} pixels"
            raise MediaError(f"{shown(path)} has pictures of {size[0]}x{size[1]}; scale it to at most {most}")
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        self.stream.thread_count = 1
        self.fps = average_fps(stream)
        self.frames_decoded = 0
        self._clock = Clock(1 / (self.fps or USUAL_FPS))
        self._length = Length(self.container, stream)
        self._undelivered = 0
        self._first_fault: str | None = None
        self._ends_early: str | None = None

    @property
    def damage(self) -> str | None:
        """One line on what was found damaged so far, or None."""
        return self._first_fault or self._ends_early

    @property
    def note(self) -> str | None:
        """What is worth counting of the frames so far, or None."""
        return self._clock.note

    def frames(self) -> Iterator[tuple[VideoFrame, float]]:
        """Pairs of a decoded frame and its seconds since the first frame. Call once."""
        lookahead = LOOKAHEAD.get(self.container.format.name, 0)
        seconds = 0.0
        with damaged_as_media(self.path):
            for frame, stamp in with_sorted_stamps(self.pictures(), lookahead):
                known = None if stamp is None else _in_seconds(stamp, frame, self.stream)
                seconds = self._clock.seconds(known)
                yield frame, seconds
        self._note_early_end(seconds + self._clock.left_out + self._clock.interval_seconds)

    def close(self) -> None:
        """Free the file and the decoder; safe to call twice."""
        self.container.close()

    def pictures(self) -> Iterator[VideoFrame]:
        """Decoded frames from where the file is read now, without times."""
        for packet in self._packets():
            if packet is not None and packet.is_discard:
                self._undelivered += 1
            try:
                pictures = self.stream.decode(packet)
            except Exception as error:  # PyAV lets more than FFmpegError through
                self._note(f"a packet after frame {self.frames_decoded} cannot be decoded ({reason(error)})")
                continue
            for picture in pictures:
                if picture.is_corrupt:
                    self._note(f"frame {self.frames_decoded} is damaged")
                self.frames_decoded += 1
                yield picture

    def _packets(self) -> Iterator[Packet | None]:
        """The stream's packets, then None, which asks the decoder for what it still holds."""
        try:
            for packet in self.container.demux(*self._length.streams):
                self._length.see(packet)
                if packet.stream is not self.stream:
                    continue
                if packet.size:
                    if packet.is_corrupt:
                        self._note(f"a packet after frame {self.frames_decoded} is damaged")
                    yield packet
                elif packet.dts is not None:
                    # "Same picture again" in AVI. The decoder would take an empty packet for the end.
                    self._undelivered += 1
        except Exception as error:
            self._note(f"reading stops after frame {self.frames_decoded} ({reason(error)})")
        yield None

    def _note(self, fault: str) -> None:
        self._first_fault = self._first_fault or fault

    def _note_early_end(self, seconds: float) -> None:
        """Compare with what the header claims. Small differences are common and mean nothing."""
        claimed, found = self.stream.frames, self.frames_decoded + self._undelivered
        if claimed - found > max(2, claimed // 100):
            self._ends_early = f"the file ends after {found} of {claimed} frames"
        early = self._length.early_end(seconds)
        if early:
            self._ends_early = f"the file {early}"


def average_fps(stream: VideoStream) -> float | None:
    """Frames per second by the header, None where it says nothing usable."""
    rate = stream.average_rate or stream.guessed_rate
    return float(rate) if rate else None


def _in_seconds(stamp: int, frame: VideoFrame, stream: VideoStream) -> float:
    base = frame.time_base or stream.time_base
    assert base is not None, "a stamped frame has a unit of time"
    return stamp * base.numerator / base.denominator
