from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from kinema.media.reader import VideoReader


def read_all(path: Path, pixel_format: str = "rgb24") -> list[np.ndarray]:
    with VideoReader(path) as reader:
        return [f.data for f in reader.read(pixel_format=pixel_format)]


# (ending, encoder, pixel format, largest mean difference from the source in levels)
FORMATS = [
    ("mkv", "ffv1", "yuv420p10le", 3.0),
    ("mkv", "libx264", "yuv420p10le", 4.0),
    ("mkv", "libx264", "yuv444p", 3.0),
    ("mkv", "ffv1", "bgra", 0.5),
    ("mkv", "ffv1", "yuva420p", 3.0),
    ("mov", "png", "rgba", 0.0),
    ("mov", "png", "rgb48be", 0.5),
    ("avi", "mjpeg", "yuvj420p", 5.0),
    ("avi", "rawvideo", "bgr24", 0.0),
    ("avi", "mpeg4", "yuv420p", 5.0),
    ("mov", "prores_ks", "yuva444p10le", 3.0),
]


EVEN_ONLY = ("libx264", "prores_ks")
SIZED_FORMATS = [
    (size, *form)
    for form in FORMATS
    for size in ((96, 64), (97, 65))
    if size == (96, 64) or form[1] not in EVEN_ONLY
]


@pytest.mark.parametrize(("size", "ending", "codec", "pixel_format", "tolerance"), SIZED_FORMATS)
def test_pixel_formats_and_odd_sizes(
    tmp_path, make_video, numbered, size, ending, codec, pixel_format, tolerance
) -> None:
    source = [numbered(i, *size) for i in range(3)]
    options = {"libx264": {"qp": "8"}, "mpeg4": {"qscale": "2", "b": "4M"}}.get(codec)
    path = make_video(
        tmp_path / f"v.{ending}", source, codec=codec, pixel_format=pixel_format, options=options
    )
    colour, gray = read_all(path), read_all(path, "gray8")
    assert len(colour) == len(gray) == 3
    for original, rgb, luma in zip(source, colour, gray, strict=True):
        assert rgb.shape == original.shape
        assert rgb.flags.c_contiguous
        assert luma.flags.c_contiguous
        assert np.abs(rgb.astype(int) - original).mean() <= tolerance
        assert np.abs(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(int) - luma).mean() < 2


@pytest.mark.parametrize("pixel_format", ["gray", "gray10le", "gray16le"])
def test_gray_files(tmp_path, make_video, numbered, pixel_format) -> None:
    source = [numbered(i) for i in range(3)]
    path = make_video(tmp_path / "g.mkv", source, codec="ffv1", pixel_format=pixel_format)
    for original, rgb, luma in zip(source, read_all(path), read_all(path, "gray8"), strict=True):
        expected = cv2.cvtColor(original, cv2.COLOR_RGB2GRAY).astype(int)
        assert np.abs(luma - expected).max() <= 3
        assert np.abs(rgb - expected[..., None]).max() <= 3


def test_full_range_luma_is_not_stretched(tmp_path, make_video) -> None:
    levels = np.repeat(np.linspace(0, 255, 64).astype(np.uint8)[None], 48, axis=0)
    source = [np.stack([levels] * 3, axis=-1)]
    path = make_video(
        tmp_path / "f.avi", source, codec="mjpeg", pixel_format="yuvj420p", options={"qscale": "2"}
    )
    assert np.abs(read_all(path, "gray8")[0].astype(int) - levels).max() <= 6


# The matrix of an mp4 track header, row by row, for a picture to be turned clockwise for display.
MATRICES = {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}


def turn_track_header(path: Path, clockwise: int) -> None:
    """Write a display matrix into an mp4 file by hand (ISO 14496-12, 8.3.2)."""
    a, b, c, d = (value * 65536 for value in MATRICES[clockwise])
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 4 + 40
    assert struct.unpack_from(">9i", data, start) == (65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
    struct.pack_into(">9i", data, start, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)


@pytest.mark.parametrize("pixel_format", ["rgb24", "gray8"])
@pytest.mark.parametrize("clockwise", [0, 90, 180, 270])
def test_display_rotation(twenty: Path, number_of, clockwise, pixel_format) -> None:
    upright = read_all(twenty, pixel_format)
    turn_track_header(twenty, clockwise)
    with VideoReader(twenty) as reader:
        info = reader.info
        frames = [f.data for f in reader.read(pixel_format=pixel_format)]
    turns = clockwise // 90
    for before, after in zip(upright, frames, strict=True):
        np.testing.assert_array_equal(after, np.rot90(before, -turns))
    assert frames[0].shape[:2] == (info.height, info.width)
    assert info.rotation == (360 - clockwise) % 360


def test_variable_frame_rate(tmp_path, make_video, numbered, number_of) -> None:
    stamps = [0, 10, 250, 260, 1000, 1040, 3000]
    path = make_video(tmp_path / "vfr.mkv", [numbered(i) for i in range(7)], stamps_ms=stamps)
    with VideoReader(path) as reader:
        np.testing.assert_allclose(reader.timestamps(), np.array(stamps) / 1000, atol=1e-3)
    with VideoReader(path, start_seconds=0.25, end_seconds=1.04) as reader:
        assert [number_of(f.data) for f in reader.read()] == [2, 3, 4]


def test_missing_stamps_are_filled(tmp_path, make_video, numbered, number_of) -> None:
    path = make_video(tmp_path / "bare.h264", [numbered(i) for i in range(12)], container="h264")
    with VideoReader(path) as reader:
        frames = list(reader.read())
        times = np.array([f.pts_seconds for f in frames])
    assert [number_of(f.data) for f in frames] == list(range(12))
    assert times[0] == 0
    assert np.isfinite(times).all()
    np.testing.assert_allclose(np.diff(times), 1 / 25, atol=1e-6)


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_b_frames_in_avi_keep_order_and_even_times(tmp_path, make_video, numbered, number_of, codec) -> None:
    options = {"libx264": {"bf": "4", "b-pyramid": "normal"}, "mpeg4": {"bf": "2", "b": "2M"}}[codec]
    path = make_video(
        tmp_path / "b.avi", [numbered(i) for i in range(30)], codec=codec, container="avi", options=options
    )
    with VideoReader(path) as reader:
        frames = list(reader.read())
    assert [number_of(f.data) for f in frames] == list(range(30))
    np.testing.assert_allclose([f.pts_seconds for f in frames], np.arange(30) / 25, atol=1e-6)


def test_frame_size_that_changes_is_brought_to_the_first(tmp_path, make_video, numbered, number_of) -> None:
    small = make_video(tmp_path / "a.h264", [numbered(i) for i in range(4)], container="h264")
    large = make_video(tmp_path / "b.h264", [numbered(i, 192, 160) for i in range(4, 8)], container="h264")
    both = tmp_path / "both.h264"
    both.write_bytes(small.read_bytes() + large.read_bytes())
    for pixel_format, shape in (("rgb24", (64, 96, 3)), ("gray8", (64, 96))):
        frames = read_all(both, pixel_format)
        assert {f.shape for f in frames} == {shape}
        assert [number_of(f.reshape(64, 96, -1)) for f in frames] == list(range(8))


def test_wrong_frame_count_in_the_header(tmp_path, make_video, numbered) -> None:
    path = make_video(tmp_path / "w.avi", [numbered(i) for i in range(9)], codec="mpeg4", container="avi")
    data = bytearray(path.read_bytes())
    # The stream header's length field: 32 bytes after the start of the `strh` content.
    struct.pack_into("<I", data, data.index(b"strh") + 8 + 32, 5)
    path.write_bytes(data)
    with VideoReader(path) as reader:
        assert reader.info.num_frames == 5
        assert len(reader.timestamps()) == 9
        assert reader.damage is None
