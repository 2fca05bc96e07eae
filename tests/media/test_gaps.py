"""A gap is not content: what jumping time stamps may cost, in pictures and in sound."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from kinema.media.clock import GAP_NOTE
from kinema.media.reader import VideoReader
from kinema.media.video import GivenFrames, VideoFile
from kinema.sampling.online import online_sampler
from kinema.sampling.specs import Rate
from support.whole_samples import run
from support.whole_sound import sound_examples

JUMP = 100_000.0


def stamps(*, count: int = 16, jump_at: int = 8, jump: float = JUMP) -> list[float]:
    return [index / 25 + (jump if index >= jump_at else 0.0) for index in range(count)]


@pytest.fixture(params=["mkv", "mp4"])
def jumping(request, tmp_path: Path, make_video, numbered) -> Path:
    """Sixteen frames at 25 a second; between the eighth and the ninth the stamps jump by 100,000 s."""
    return make_video(
        tmp_path / f"jump.{request.param}",
        [numbered(i) for i in range(16)],
        stamps_ms=[round(1000 * seconds) for seconds in stamps()],
    )


def test_a_jump_is_left_out_and_noted(jumping: Path, number_of) -> None:
    video = VideoFile(jumping)
    frames = list(video.frames())
    assert [number_of(f.data) for f in frames] == list(range(16))
    np.testing.assert_allclose([f.pts_seconds for f in frames], np.arange(16) / 25, atol=1.0)
    np.testing.assert_allclose(np.diff([f.pts_seconds for f in frames][:8]), 0.04, atol=1e-3)
    np.testing.assert_allclose(np.diff([f.pts_seconds for f in frames][8:]), 0.04, atol=1e-3)
    np.testing.assert_allclose(video.times(), [f.pts_seconds for f in frames])
    assert video.notes() == (GAP_NOTE,)
    video.check()


def test_a_sampler_repeats_no_frame_for_a_jump(jumping: Path) -> None:
    sampler = online_sampler(Rate(kind="rate", fps=8))
    frames = VideoFile(jumping).frames()
    steps = list(run(sampler, ((f.index, f.pts_seconds, f.index) for f in frames)))
    assert 5 <= len(steps) <= 14  # 0.64 s, and at most one second for the gap


def test_parts_are_cut_on_the_clock_without_the_gap(jumping: Path) -> None:
    times = VideoFile(jumping).times()
    part = VideoFile(jumping, start_seconds=times[6] - 0.01, end_seconds=times[12] - 0.01)
    assert len(part.times()) == 6
    assert len(VideoFile(jumping, start_seconds=0.2, end_seconds=60.0).times()) == 11


def test_pauses_of_ten_seconds_are_content(tmp_path: Path, make_video, numbered) -> None:
    path = make_video(tmp_path / "slow.mkv", [numbered(i) for i in range(3)], stamps_ms=[0, 10_000, 19_500])
    video = VideoFile(path)
    np.testing.assert_allclose(video.times(), [0, 10, 19.5], atol=1e-3)
    assert video.notes() == ()


@pytest.mark.parametrize(("rate", "longest"), [((1000, 1), 16.0), ((1, 30_000_000), 1.0)])
def test_the_frame_rate_of_an_avi_header_is_a_claim(
    tmp_path: Path, make_video, numbered, rate: tuple[int, int], longest: float
) -> None:
    """One frame in a thousand seconds, and thirty million a second: either may be read in a second."""
    path = make_video(tmp_path / "a.avi", [numbered(i) for i in range(16)], codec="mpeg4", container="avi")
    data = bytearray(path.read_bytes())
    struct.pack_into("<II", data, data.index(b"strh") + 8 + 20, *rate)
    path.write_bytes(data)
    with VideoReader(path) as reader:
        times = reader.timestamps()
        assert len(times) == 16
        assert times[-1] <= longest
        assert reader.damage is None


@pytest.mark.parametrize("kind", [list, iter])
def test_given_frames_have_the_same_rule(kind, jumping: Path) -> None:
    picture = np.zeros((4, 6, 3), np.uint8)
    video = GivenFrames(kind([(1e9 + seconds, picture) for seconds in stamps()]))
    times = [f.pts_seconds for f in video.frames()]
    np.testing.assert_allclose(times, np.arange(16) / 25, atol=1e-6)
    assert video.notes() == (GAP_NOTE,)


def sound_file(path: Path, starts: list[float]) -> Path:
    """Blocks of 0.1 s of a 1 kHz tone, one at each of `starts`, beside one picture at 0."""
    tone = np.rint(16000 * np.sin(2 * np.pi * np.arange(1600) / 16)).astype(np.int16)
    with av.open(str(path), "w") as output:
        video = output.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound = output.add_stream("pcm_s16le", rate=16000, layout="mono")
        frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8))
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        output.mux(video.encode(frame))
        output.mux(video.encode())
        for index, start in enumerate(starts):
            packet = av.Packet(tone.tobytes())
            packet.stream, packet.time_base = sound, Fraction(1, 16000)
            packet.pts, packet.dts, packet.duration = round(start * 16000), 1600 * index, 1600
            output.mux(packet)
    return path


TEN = [i / 10 for i in range(10)]


@pytest.mark.parametrize(
    ("starts", "length"),
    [
        ([*TEN, *(JUMP + s for s in TEN)], 2.0),  # a jump between
        ([JUMP + s for s in TEN], 1.0),  # at the track's start
        ([*TEN, *(s for hour in range(1, 6) for s in (3600.0 * hour, 3600.0 * hour + 0.1))], 2.0),
        ([*TEN, *(9.0 + s for s in TEN)], 10.0),  # a pause is content, and is filled with silence
        ([9.5 + s for s in TEN], 10.5),
    ],
)
def test_holes_in_sound(tmp_path: Path, starts: list[float], length: float) -> None:
    video = VideoFile(sound_file(tmp_path / "a.mkv", starts))
    blocks = list(video.sound(16000))
    assert sum(map(len, blocks)) == pytest.approx(16000 * length, abs=40)
    assert video.notes() == ((GAP_NOTE,) if starts[-1] > 100 else ())
    video.check()


def test_after_one_nonsense_stamp_holes_are_filled_again(tmp_path: Path) -> None:
    path = sound_file(tmp_path / "a.mkv", [0.0, JUMP, 0.2, 0.3, 1.3])
    samples = np.concatenate(list(VideoFile(path).sound(16000)))
    assert len(samples) == pytest.approx(16000 * (0.5 + 0.9), abs=40)


def test_sound_limits_and_parts_behind_a_jump(tmp_path: Path) -> None:
    path = sound_file(tmp_path / "a.mkv", [*TEN, *(JUMP + i / 10 for i in range(40))])
    assert len(list(sound_examples(VideoFile(path).sound(16000), max_seconds=36.0))) == 5
    assert len(list(sound_examples(VideoFile(path).sound(16000), max_seconds=2.0))) == 2
    part = VideoFile(path, start_seconds=0.5, end_seconds=1e6)
    assert sum(map(len, part.sound(16000))) == pytest.approx(16000 * 4.5, abs=40)
