"""What a container promises of the length of a stream, against what was read of it."""

import re
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

# Formats whose length is written by who made the file, over all its streams. Others are estimates.
_FILE_LENGTH_IS_WRITTEN = frozenset({"matroska,webm", "flv"})
_MOV = "mov,mp4,m4a,3gp,3g2,mj2"
_TAG = re.compile(r"(\d+):(\d\d):(\d\d\.?\d*)")


class Length:
    """Packets as they are read of `streams`, and whether they end well before the header says.

    A whole file's length is a claim about the end of the last of its streams, so all are read then.
    """

    def __init__(self, container: InputContainer, stream: VideoStream | AudioStream):
        self._stream = stream
        everything = container.format.name in _FILE_LENGTH_IS_WRITTEN and not stream.frames
        self.streams: list[Any] = list(container.streams) if everything else [stream]
        complete = not stream.frames and len(self.streams) == len(container.streams)
        self._file = (duration_seconds(container, stream) or 0.0) if complete else 0.0
        self._own = _own_seconds(container, stream)
        self._file_end = self._own_start = self._own_end = 0.0

    def see(self, packet: Packet) -> None:
        """Count a packet of any stream."""
        if packet.pts is None or packet.time_base is None:
            return
        start = float(packet.pts * packet.time_base)
        end = start + float((packet.duration or 0) * packet.time_base)
        self._file_end = max(self._file_end, end)
        if packet.stream is self._stream:
            self._own_start = min(self._own_start, start)
            self._own_end = max(self._own_end, end)

    def early_end(self, seconds: float = 0.0) -> str | None:
        """How the file ends early, or None; `seconds` is where its decoded content ends."""
        for claimed, found in (
            (self._file, max(seconds, self._file_end)),
            (self._own, max(seconds, self._own_end - self._own_start)),
        ):
            if claimed - found > _tolerance(claimed):
                return f"ends after {found:.1f} of {claimed:.1f} seconds"
        return None


def _tolerance(claimed: float) -> float:
    """Small differences are common and mean nothing."""
    return max(0.2, min(1.0, claimed / 5), claimed / 20)


def _own_seconds(container: InputContainer, stream: VideoStream | AudioStream) -> float:
    """The length that the header gives to this stream by itself, or 0."""
    if container.format.name in (_MOV, "avi") and stream.type == "audio":
        # FFmpeg shortens an AVI's duration to what the file can hold; the header counts units of time.
        length = stream.duration if container.format.name == _MOV else stream.frames
        return float((length or 0) * (stream.time_base or 0))
    # Matroska's writers give the length of each track in a tag.
    tag = _TAG.match(stream.metadata.get("DURATION", ""))
    return int(tag[1]) * 3600 + int(tag[2]) * 60 + float(tag[3]) if tag else 0.0


def duration_seconds(container: InputContainer, stream: VideoStream | AudioStream) -> float | None:
    """Length by the header, of the stream or else of the whole file; None where it says nothing."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration and container.duration > 0 else None
