"""Film strips: the right frames, their true times, from memory and from files."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from kinema.errors import MediaError
from kinema.report.film_strips import film_strip, spread, strip_from_frames
from kinema.types import Frame


def grey_frames(times, height=36, width=48):
    """Frames whose brightness is 10 times their index, so that a strip shows which ones it took."""
    for index, time in enumerate(times):
        yield Frame(index, time, np.full((height, width, 3), 10 * index, np.uint8))


def brightness(strip) -> list[int]:
    """The index that each cell of a strip of `grey_frames` shows."""
    sheet = np.asarray(Image.open(io.BytesIO(strip.image)).convert("L"), float)
    cells = np.array_split(sheet, len(strip.pts_seconds), axis=1)
    return [round(float(np.median(cell)) / 10) for cell in cells]


def test_takes_the_nearest_frames():
    strip = strip_from_frames(grey_frames([0.0, 0.5, 1.0, 1.5, 2.0]), [0.1, 0.8, 1.9], height=36)
    assert strip.pts_seconds == (0.0, 1.0, 2.0)
    assert brightness(strip) == [0, 2, 4]


def test_size_and_format():
    strip = strip_from_frames(grey_frames([0.0, 1.0], height=240, width=320), [0.0, 1.0], height=96)
    image = Image.open(io.BytesIO(strip.image))
    assert image.format == "JPEG"
    assert image.size == (strip.width, strip.height) == (2 * (128 + 3), 96)


def test_times_beyond_the_end_show_the_last_frame():
    strip = strip_from_frames(grey_frames([0.0, 1.0]), [0.9, 5.0, 6.0], height=36)
    assert strip.pts_seconds == (1.0, 1.0, 1.0)


@given(
    frames=st.lists(st.floats(0, 50), min_size=1, max_size=20, unique=True).map(sorted),
    times=st.lists(st.floats(0, 60), min_size=1, max_size=6).map(sorted),
)
def test_no_frame_is_nearer_than_the_one_shown(frames, times):
    strip = strip_from_frames(grey_frames(frames, 4, 4), times, height=4)
    for time, shown in zip(times, strip.pts_seconds, strict=True):
        assert abs(shown - time) == min(abs(frame - time) for frame in frames)


def test_stops_reading_when_all_are_found():
    read = []

    def frames():
        for frame in grey_frames([0.0, 1.0, 2.0, 3.0, 4.0]):
            read.append(frame.index)
            yield frame

    strip_from_frames(frames(), [0.0, 1.0], height=4)
    assert read == [0, 1, 2]


def test_grey_and_changing_sizes_fit_the_strip():
    frames = [Frame(0, 0.0, np.zeros((40, 80), np.uint8)), Frame(1, 1.0, np.zeros((80, 40, 3), np.uint8))]
    strip = strip_from_frames(iter(frames), [0.0, 1.0], height=20)
    assert strip.width == 2 * (40 + 3)


@pytest.mark.parametrize(("frames", "times"), [([], [0.0]), ([0.0], [])])
def test_nothing_to_show_is_an_error_with_its_cure(frames, times):
    with pytest.raises(MediaError, match="run `kinema scan`"):
        strip_from_frames(grey_frames(frames), times)


def test_spread_covers_both_ends():
    assert spread(5, 3) == [0, 2, 4]
    assert spread(2, 6) == [0, 1]
    assert spread(0, 6) == []


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Two seconds at 10 frames/s; frame k has brightness 10 k."""
    path = tmp_path / "it's a <clip>.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=Fraction(10))
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for frame in grey_frames([step / 10 for step in range(20)], 48, 64):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame.data, format="rgb24")))
        container.mux(stream.encode())
    return path


def test_reads_files(clip):
    strip = film_strip(clip, [0.12, 0.95, 1.52], height=48)
    assert strip.pts_seconds == pytest.approx((0.1, 0.9, 1.5), abs=0.051)
    assert brightness(strip) == [round(10 * time) for time in strip.pts_seconds]


def test_reads_parts_in_their_own_time(clip):
    strip = film_strip(clip, [0.0, 0.4], height=48, start_seconds=0.5, end_seconds=1.0)
    assert strip.pts_seconds == pytest.approx((0.0, 0.4))
    assert brightness(strip) == [5, 9]
    strip = film_strip(clip, [0.0, 0.2], height=48, frames=(12, 15))
    assert brightness(strip) == [12, 14]


def test_real_clip(ucf_clips):
    path = sorted((ucf_clips / "videos").glob("*/*.avi"))[0]
    strip = film_strip(path, [0.2, 0.9, 1.7])
    assert strip.pts_seconds == pytest.approx((0.2, 0.9, 1.7), abs=0.021)
    assert 2_000 < len(strip.image) < 60_000
