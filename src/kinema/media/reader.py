"""Video files as frames with their times: in order, exact, and in constant memory."""

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Self

import numpy as np
from av.video.frame import VideoFrame

from ..errors import MediaError
from ..types import Frame
from .container import audio_stream, damaged_as_media, reason, shown
from .convert import FrameConverter, PixelFormat
from .decode import DecodePass
from .length import duration_seconds

# Containers round stamps (Matroska to milliseconds), so a bound in seconds is not taken to the digit.
SLACK_SECONDS = 5e-4


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What the header and the first frame say about a video.

    `width` and `height` are in pixels after display rotation; pixels are as stored, their aspect
    ratio is not applied. `rotation` is by how many degrees (0, 90, 180, 270) the stored pictures are
    turned counterclockwise for display. `num_frames` and `duration_seconds` are claims of the
    header, and often wrong: `VideoReader.timestamps()` counts.
    """

    width: int
    height: int
    average_fps: float | None
    num_frames: int | None
    duration_seconds: float | None
    rotation: int
    codec: str
    pixel_format: str
    has_audio: bool


class VideoReader:
    """Reads a video, or a part of it, in order from the file's first frame; it never seeks.

    A part holds the frames whose time t, counted from the file's first frame, satisfies
    `start_seconds <= t < end_seconds`, or whose number in the file is in the half-open range
    `frames`. Frame index and time restart at 0 at the part's start.

    Frames come upright (display rotation applied) and in the size of the file's first frame. A file
    that is damaged after its first frame delivers what can be decoded and says so in `damage`; `note` says
    that its time stamps jump. Raises `MediaError` where the file is absent, empty, not permitted, not media,
    or has no decodable picture.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        start_seconds: float | None = None,
        end_seconds: float | None = None,
        frames: tuple[int, int] | None = None,
    ):
        if frames is not None and (start_seconds is not None or end_seconds is not None):
            raise ValueError("a part is given in seconds or in frames, not both")
        self.path = Path(path)
        self._past: tuple[str | None, str | None] = None, None
        self._start, self._end = start_seconds or 0.0, end_seconds
        self._frames = frames
        with damaged_as_media(path):
            self._run = DecodePass(self.path)
        pictures = self._run.frames()
        first = next(pictures, None)
        if first is None:
            fault = f" ({self._run.damage})" if self._run.damage else ""
            self._run.close()
            raise MediaError(f"{shown(path)} has no picture that can be decoded{fault}; replace it")
        # The pass that looked at the first frame serves the first reading; later ones open the file anew.
        self._pictures: Iterator[tuple[VideoFrame, float]] | None = chain([first], pictures)
        self._stored_size = (first[0].width, first[0].height)
        self._quarter_turns = round(first[0].rotation / 90) % 4
        with damaged_as_media(path):
            self.info = self._describe(first[0])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def damage(self) -> str | None:
        """One line on what was found damaged so far, or None."""
        return self._run.damage or self._past[0]

    @property
    def note(self) -> str | None:
        """What is worth counting of the frames read so far, or None."""
        return self._run.note or self._past[1]

    def close(self) -> None:
        """Free the file and the decoder; safe to call twice."""
        self._pictures = None
        self._run.close()

    def read(
        self,
        wanted: Callable[[int, float], bool] | None = None,
        *,
        pixel_format: PixelFormat = "rgb24",
    ) -> Iterator[Frame]:
        """Decode the part and yield its wanted frames.

        Every frame of the part is decoded, only wanted ones are converted, and decoding stops at the
        part's end or when the generator is closed. A reader has one reading at a time.

        Args:
            wanted: called with index and `pts_seconds` of each frame, in order; None wants all.
            pixel_format: `rgb24` for uint8 [H, W, 3], `gray8` for full-range luma uint8 [H, W].

        Raises `MediaError` where the part has no frame (when its end is reached), or FFmpeg cannot convert
        its pixel format.
        """
        convert = FrameConverter(*self._stored_size, self._quarter_turns, pixel_format)
        return self._convert_wanted(convert, wanted)

    def pictures(self) -> Iterator[tuple[float, Callable[[], np.ndarray]]]:
        """The time of every frame of the part, and what converts it to `rgb24`, now or later or never.

        Decodes as `read` does; what converts raises as it does.
        """
        convert = FrameConverter(*self._stored_size, self._quarter_turns, "rgb24")
        for index, seconds, picture in self._part():
            yield seconds, partial(self._converted, convert, index, picture)

    def timestamps(self) -> np.ndarray:
        """Times of all frames of the part by decoding it without conversion: float64 [N], seconds.

        Raises `MediaError` where the part has no frame.
        """
        times = array("d", (seconds for _, seconds, _ in self._part()))
        return np.frombuffer(times, np.float64)

    def _convert_wanted(
        self, convert: FrameConverter, wanted: Callable[[int, float], bool] | None
    ) -> Iterator[Frame]:
        for index, seconds, picture in self._part():
            if wanted is not None and not wanted(index, seconds):
                continue
            yield Frame(index, seconds, self._converted(convert, index, picture))

    def _converted(self, convert: FrameConverter, index: int, picture: VideoFrame) -> np.ndarray:
        try:
            return convert(picture)
        except Exception as error:  # PyAV lets more than FFmpegError through
            what = f"{shown(self.path)}: frame {index} cannot be converted ({reason(error)})"
            raise MediaError(f"{what}; convert the file to H.264") from error

    def _part(self) -> Iterator[tuple[int, float, VideoFrame]]:
        """Index, time and picture of each frame of the part; closes its pass over the file."""
        if self._pictures is None:
            self._run.close()
            self._past = self.damage, self.note
            self._run = DecodePass(self.path)
            self._pictures = self._run.frames()
        run, pictures, self._pictures = self._run, self._pictures, None
        first, stop = self._frames or (0, None)
        index, origin = 0, 0.0
        try:
            for number, (picture, seconds) in enumerate(pictures):
                if self._end is not None and seconds + SLACK_SECONDS >= self._end:
                    break
                if number >= first and seconds + SLACK_SECONDS >= self._start:
                    if index == 0:
                        origin = seconds if self._frames else self._start
                    yield index, max(0.0, seconds - origin), picture
                    index += 1
                if number + 1 == stop:
                    break
            if index == 0:
                raise MediaError(f"{shown(self.path)} ends before the part asked for; correct its bounds")
        finally:
            run.close()

    def _describe(self, picture: VideoFrame) -> VideoInfo:
        width, height = self._stored_size
        if self._quarter_turns % 2:
            width, height = height, width
        stream = self._run.stream
        return VideoInfo(
            width=width,
            height=height,
            average_fps=self._run.fps,
            num_frames=stream.frames or None,
            duration_seconds=duration_seconds(self._run.container, stream),
            rotation=self._quarter_turns * 90,
            codec=stream.codec_context.name,
            pixel_format=picture.format.name,
            has_audio=audio_stream(self._run.container) is not None,
        )
