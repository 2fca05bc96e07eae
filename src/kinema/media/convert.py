"""Decoded pictures to arrays: one shared converter, the luma plane taken directly where there is one."""

from typing import Literal

import numpy as np
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.reformatter import ColorRange, VideoReformatter

PixelFormat = Literal["rgb24", "gray8"]
_FFMPEG_NAMES = {"rgb24": "rgb24", "gray8": "gray"}

# 8-bit formats whose first plane is the luma plane, by how the range of that plane is known.
_FULL_RANGE = frozenset({"gray", "yuvj420p", "yuvj422p", "yuvj444p", "yuvj440p", "yuvj411p"})
_BY_FRAME = frozenset(
    {"yuv420p", "yuv422p", "yuv444p", "yuv440p", "yuv411p", "yuv410p", "nv12", "nv21", "nv16"}
    | {"yuva420p", "yuva422p", "yuva444p"}
)
# Limited-range luma has black at 16 and white at 235 (ITU-R BT.601).
_LIMITED_TO_FULL = np.clip(np.rint((np.arange(256) - 16) * (255 / 219)), 0, 255).astype(np.uint8)


class FrameConverter:
    """Turns decoded frames into upright arrays of one size.

    `rgb24` gives uint8 [H, W, 3]; alpha is dropped, not blended. `gray8` gives uint8 [H, W]: luma in
    full range (0 black, 255 white), straight from the luma plane where the format has an 8-bit one.
    It is the gray of the RGB picture by the stream's own weights (BT.601 unless the stream says
    otherwise): within 2 levels on average, more only where a colour is outside RGB and clips.

    Args:
        width, height: size in pixels as stored, before rotation; frames of another size are scaled to it.
        quarter_turns: counterclockwise turns of 90 degrees that make the picture upright.
    """

    def __init__(self, width: int, height: int, quarter_turns: int, pixel_format: PixelFormat):
        if pixel_format not in _FFMPEG_NAMES:
            raise ValueError(f"pixel_format must be one of {sorted(_FFMPEG_NAMES)}, got {pixel_format!r}")
        self.width, self.height = width, height
        self.quarter_turns = quarter_turns % 4
        self.pixel_format = pixel_format
        self._reformatter = VideoReformatter()

    def __call__(self, frame: VideoFrame) -> np.ndarray:
        """The frame as a contiguous array of its own memory."""
        picture = self._luma(frame) if self.pixel_format == "gray8" else None
        if picture is None:
            picture = self._reformatted(frame).to_ndarray()
        return np.array(np.rot90(picture, self.quarter_turns), order="C")

    def _luma(self, frame: VideoFrame) -> np.ndarray | None:
        """The luma plane in full range, or None where it cannot be had without FFmpeg's converter."""
        name, plane = frame.format.name, frame.planes[0]
        if (frame.width, frame.height) != (self.width, self.height) or plane.line_size <= 0:
            return None
        if name in _FULL_RANGE or (name in _BY_FRAME and frame.color_range == ColorRange.JPEG):
            return _pixels(plane)
        if name in _BY_FRAME:
            return _LIMITED_TO_FULL.take(_pixels(plane), mode="clip")
        return None

    def _reformatted(self, frame: VideoFrame) -> VideoFrame:
        return self._reformatter.reformat(
            frame,
            width=self.width,
            height=self.height,
            format=_FFMPEG_NAMES[self.pixel_format],
            dst_color_range=ColorRange.JPEG,
            threads=1,
        )


def _pixels(plane: VideoPlane) -> np.ndarray:
    """The bytes of a luma plane that are picture: [H, W], rows without their alignment padding."""
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width]
