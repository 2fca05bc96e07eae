from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from kinema.errors import MediaError
from kinema.media.convert import FrameConverter
from kinema.media.reader import VideoReader


def numbers(reader: VideoReader, number_of, **how) -> list[int]:
    return [number_of(frame.data) for frame in reader.read(**how)]


def test_every_frame_once_in_order_with_its_time(twenty: Path, number_of) -> None:
    with VideoReader(twenty) as reader:
        frames = list(reader.read())
    assert [number_of(f.data) for f in frames] == list(range(20))
    assert [f.index for f in frames] == list(range(20))
    assert [f.pts_seconds for f in frames] == pytest.approx([i / 25 for i in range(20)])
    assert frames[0].data.shape == (64, 96, 3)
    assert frames[0].data.dtype == np.uint8


def test_frames_own_their_memory(twenty: Path, number_of) -> None:
    with VideoReader(twenty) as reader:
        frames = [f.data for f in reader.read()]
    frames[0][:] = 7
    assert number_of(frames[1]) == 1


def test_info(twenty: Path) -> None:
    with VideoReader(twenty) as reader:
        info = reader.info
    assert (info.width, info.height, info.rotation) == (96, 64, 0)
    assert info.average_fps == 25
    assert info.num_frames == 20
    assert info.duration_seconds == pytest.approx(0.8, abs=0.01)
    assert (info.codec, info.pixel_format, info.has_audio) == ("h264", "yuv420p", False)


def test_wanted_sees_every_frame_and_only_chosen_ones_come_out(twenty: Path, number_of) -> None:
    asked = []

    def wanted(index: int, seconds: float) -> bool:
        asked.append((index, round(seconds * 25)))
        return index % 7 == 3

    with VideoReader(twenty) as reader:
        frames = list(reader.read(wanted))
    assert asked == [(i, i) for i in range(20)]
    assert [f.index for f in frames] == [3, 10, 17]
    assert [number_of(f.data) for f in frames] == [3, 10, 17]


def test_a_reader_can_be_read_again(twenty: Path, number_of) -> None:
    with VideoReader(twenty) as reader:
        assert len(reader.timestamps()) == 20
        assert numbers(reader, number_of) == list(range(20))
        assert numbers(reader, number_of) == list(range(20))


def test_closing_the_generator_stops_and_leaves_the_reader_usable(twenty: Path, number_of) -> None:
    with VideoReader(twenty) as reader:
        frames = reader.read()
        assert number_of(next(frames).data) == 0
        frames.close()
        assert numbers(reader, number_of) == list(range(20))


@pytest.mark.parametrize(
    ("part", "expected", "first_time"),
    [
        ({"frames": (5, 9)}, [5, 6, 7, 8], 0.0),
        ({"frames": (18, 99)}, [18, 19], 0.0),
        ({"start_seconds": 0.4}, list(range(10, 20)), 0.0),
        ({"end_seconds": 0.4}, list(range(10)), 0.0),
        ({"start_seconds": 0.17, "end_seconds": 0.32}, [5, 6, 7], 0.03),
    ],
)
def test_parts(twenty: Path, number_of, part, expected, first_time) -> None:
    with VideoReader(twenty, **part) as reader:
        frames = list(reader.read())
        times = reader.timestamps()
    assert [number_of(f.data) for f in frames] == expected
    assert [f.index for f in frames] == list(range(len(expected)))
    assert frames[0].pts_seconds == pytest.approx(first_time)
    np.testing.assert_allclose(times, [f.pts_seconds for f in frames])


def test_neighbouring_parts_share_no_frame_and_miss_none(twenty: Path, number_of) -> None:
    found = []
    for start in np.arange(0.0, 0.8, 0.1):
        with VideoReader(twenty, start_seconds=start, end_seconds=start + 0.1) as reader:
            found += numbers(reader, number_of)
    assert found == list(range(20))


@pytest.mark.parametrize("part", [{"frames": (20, 30)}, {"start_seconds": 5.0}])
def test_a_part_outside_the_video_is_an_error(twenty: Path, part) -> None:
    with VideoReader(twenty, **part) as reader, pytest.raises(MediaError, match=r"correct its bounds"):
        list(reader.read())


def test_decoding_stops_at_the_end_of_the_part(twenty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kinema.media import decode

    passes = []
    make = decode.DecodePass.__init__

    def spy(self, *args, **kwargs):
        make(self, *args, **kwargs)
        passes.append(self)

    monkeypatch.setattr(decode.DecodePass, "__init__", spy)
    with VideoReader(twenty, frames=(0, 3)) as reader:
        list(reader.read())
    assert passes[0].frames_decoded == 3


def test_bad_arguments(twenty: Path) -> None:
    with pytest.raises(ValueError, match="not both"):
        VideoReader(twenty, frames=(0, 2), end_seconds=1.0)
    with VideoReader(twenty) as reader, pytest.raises(ValueError, match="pixel_format"):
        reader.read(pixel_format="bgr24")  # type: ignore[arg-type]


def test_gray_agrees_with_the_gray_of_the_rgb_picture(twenty: Path) -> None:
    with VideoReader(twenty) as reader:
        colour = [f.data for f in reader.read()]
        gray = [f.data for f in reader.read(pixel_format="gray8")]
    assert gray[0].shape == (64, 96)
    for rgb, luma in zip(colour, gray, strict=True):
        difference = np.abs(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(int) - luma)
        assert difference.mean() < 2
        assert np.percentile(difference, 99) <= 4


def test_a_picture_that_cannot_be_converted_is_a_media_error(
    twenty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self, frame):
        raise av.error.ArgumentError(22, "Invalid argument")

    monkeypatch.setattr(FrameConverter, "__call__", refuse)
    with VideoReader(twenty) as reader, pytest.raises(MediaError, match="cannot be converted"):
        next(reader.read())
