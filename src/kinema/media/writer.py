"""Ordinary H.264 + AAC files from arrays, written atomically and the same every time."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Self

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ..errors import KinemaError, UsageError, WorkError
from .container import reason, shown

_BITEXACT = {"fflags": "+bitexact"}


class VideoWriter:
    """Writes frames, and mono sound if `sample_rate` is given, to a video file.

    The container follows the file's ending (mp4 for ordinary players). Pictures are yuv420p, which
    has even sizes only: an odd width or height gets its last column or row repeated once. Nothing is
    seen under `path` until the writer is left without an error; then the file is there whole. The
    same input gives the same bytes with the same FFmpeg (one thread, no dates).

    Args:
        fps: constant frames per second.
        width, height: size of the frames that `write` is given, in pixels.
        sample_rate: of the sound in Hz; None for a file without sound.
        codec: an FFmpeg video encoder.
        crf: constant rate factor of x264 and x265, 0 (lossless) to 51; other encoders ignore it.
        preset: speed of x264 and x265, from `ultrafast` to `veryslow`; other encoders ignore it.

    Raises:
        UsageError: the encoder, its settings or the file's ending are refused.
        WorkError: the file cannot be written, or no frame was.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        fps: float | Fraction,
        width: int,
        height: int,
        sample_rate: int | None = None,
        codec: str = "libx264",
        crf: int = 23,
        preset: str = "medium",
    ):
        self.path = Path(path)
        self.width, self.height = width, height
        self.sample_rate = sample_rate
        self._temporary = self.path.with_name(f".{os.getpid()}-{id(self):x}.partial{self.path.suffix}")
        self._frames_written = self._samples_written = 0
        try:
            with self._told_as(UsageError):
                self._container = av.open("file:" + os.path.abspath(self._temporary), "w", options=_BITEXACT)
                self._video = self._add_video(codec, Fraction(fps), crf, preset)
                self._audio = None if sample_rate is None else self._add_audio(sample_rate)
                self._container.start_encoding()
        except BaseException:
            self._discard()
            raise

    def _add_video(self, codec: str, fps: Fraction, crf: int, preset: str) -> VideoStream:
        options = {"flags": "+bitexact"}
        if codec in ("libx264", "libx265"):
            options |= {"crf": str(crf), "preset": preset}
        if codec == "libx264":
            # Its macroblock tree is not reproducible on processors with AVX-512.
            options["x264-params"] = "mbtree=0"
        if av.Codec(codec, "w").type != "video":
            raise ValueError(f"{codec} does not encode pictures")
        stream = self._container.add_stream(codec, rate=fps.limit_denominator(100_000), options=options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = self.width + self.width % 2, self.height + self.height % 2
        stream.pix_fmt = "yuv420p"
        stream.thread_count = 1
        return stream

    def _add_audio(self, sample_rate: int) -> AudioStream:
        options = {"flags": "+bitexact"}
        return self._container.add_stream("aac", rate=sample_rate, layout="mono", options=options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._discard()

    def write(self, frame: np.ndarray) -> None:
        """Append one frame, uint8 [height, width, 3], RGB."""
        if frame.shape != (self.height, self.width, 3) or frame.dtype != np.uint8:
            raise ValueError(
                f"a frame must be uint8 {(self.height, self.width, 3)}, got {frame.dtype} {frame.shape}"
            )
        padded = np.pad(frame, ((0, self.height % 2), (0, self.width % 2), (0, 0)), mode="edge")
        picture = VideoFrame.from_ndarray(np.ascontiguousarray(padded), format="rgb24")
        with self._told_as(WorkError):
            self._container.mux(self._video.encode(picture))
        self._frames_written += 1

    def write_audio(self, samples: np.ndarray) -> None:
        """Append mono samples, float32 [n] in [-1, 1], at `sample_rate`."""
        if self._audio is None:
            raise ValueError("this writer was made without sound; give sample_rate")
        if samples.ndim != 1:
            raise ValueError(f"sound must be mono [n], got shape {samples.shape}")
        if not len(samples):
            return
        whole = np.ascontiguousarray(samples[None], np.float32)
        frame = AudioFrame.from_ndarray(whole, format="fltp", layout="mono")
        frame.sample_rate = self._audio.rate
        frame.pts, frame.time_base = self._samples_written, Fraction(1, self._audio.rate)
        with self._told_as(WorkError):
            self._container.mux(self._audio.encode(frame))
        self._samples_written += len(samples)

    def _finish(self) -> None:
        """Write what the encoders still hold, close the file and put it in its place."""
        if not self._frames_written:
            raise WorkError(f"{shown(self.path)}: no frame was written; give at least one")
        with self._told_as(WorkError):
            self._container.mux(self._video.encode(None))
            if self._audio is not None and self._samples_written:
                self._container.mux(self._audio.encode(None))
            self._container.close()
            os.replace(self._temporary, self.path)

    def _discard(self) -> None:
        """Close and remove the temporary file, if it is still there."""
        with suppress(av.FFmpegError, AttributeError):
            self._container.close()
        self._temporary.unlink(missing_ok=True)

    @contextmanager
    def _told_as(self, kind: type[KinemaError]) -> Iterator[None]:
        """Tell FFmpeg's errors as one line: trouble with the disk as `WorkError`, others as `kind`."""
        try:
            yield
        except (av.FFmpegError, OSError, ValueError) as error:
            what, cure = "encoded", "check ending, codec and settings"
            if isinstance(error, OSError):
                kind, what, cure = WorkError, "written", "check the folder and its space"
            raise kind(f"{shown(self.path)} cannot be {what} ({reason(error)}); {cure}") from error
