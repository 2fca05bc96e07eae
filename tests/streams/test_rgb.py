"""The rgb source against all frames decoded at once and chosen by the whole-video samplers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter

from kinema import recipe
from kinema.errors import MediaError
from kinema.media.reader import VideoReader
from kinema.media.writer import VideoWriter
from kinema.sampling import first_n, jump, rate, segments, uniform, windows
from kinema.streams import rgb as rgb_module
from kinema.streams.images import Augmenter, fit
from kinema.streams.rgb import RgbSource
from kinema.streams.source import Job, SourceConfig, View, make_source
from kinema.types import Clip, VideoRecord

FPS = 12.5
FRAME = View("frame", (32, 40), "stretch")
CLIP = View("clip", (32, 40), "center")


def sampling(**values: object) -> recipe.Sampling:
    return TypeAdapter(recipe.Sampling).validate_python(values)


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """A video of so many frames, made once."""
    folder = tmp_path_factory.mktemp("videos")

    def make(frames: int) -> Path:
        path = folder / f"{frames}.mp4"
        if not path.exists():
            picture = np.random.default_rng(frames).integers(0, 255, (48, 64, 3)).astype(np.uint8)
            with VideoWriter(path, fps=FPS, width=64, height=48, preset="ultrafast") as writer:
                for shift in range(frames):
                    writer.write(np.roll(picture, 3 * shift, axis=1))
        return path

    return make


def everything(path: Path, **part: object) -> tuple[np.ndarray, list[np.ndarray]]:
    with VideoReader(path, **part) as reader:  # type: ignore[arg-type]
        frames = list(reader.read())
    return np.array([f.pts_seconds for f in frames]), [f.data for f in frames]


def check(
    clips: list[Clip], indices: np.ndarray, pts: np.ndarray, frames: list[np.ndarray], view: View
) -> None:
    assert view.size is not None
    fitted = [fit(frame, view.size, view.crop) for frame in frames]
    assert len(clips) == len(indices)
    for clip, chosen in zip(clips, indices, strict=True):
        wanted = np.stack([fitted[i] for i in np.atleast_1d(chosen)])
        np.testing.assert_array_equal(clip.inputs[0], wanted if view.kind == "clip" else wanted[0])
        assert clip.pts_seconds == pts[np.atleast_1d(chosen)[0]]


SINGLE = {
    "first_n": ({"frames": 10}, lambda n, t: first_n(n, 10)),
    "first_n wrap": ({"frames": 10, "policy": "wrap"}, lambda n, t: first_n(n, 10, "wrap")),
    "uniform": ({"frames": 6}, lambda n, t: uniform(n, 6)),
    "jump": ({"every": 4}, lambda n, t: jump(n, 4)),
    "jump some": ({"every": 4, "max_frames": 3}, lambda n, t: jump(n, 4, 3)),
    "rate": ({"fps": 5.0}, lambda n, t: rate(t, 5.0)),
    "rate above the video's": ({"fps": 30.0}, lambda n, t: rate(t, 30.0)),
    "rate some": ({"fps": 5.0, "max_frames": 4}, lambda n, t: rate(t, 5.0, 4)),
}


@pytest.mark.parametrize("count", [1, 3, 10, 41])
@pytest.mark.parametrize("name", SINGLE)
def test_single_frames(make: Callable[[int], Path], name: str, count: int):
    values, choose = SINGLE[name]
    config = SourceConfig("rgb", (FRAME,), sampling(kind=name.split()[0], **values))
    pts, frames = everything(make(count))
    clips = list(RgbSource(config).clips(Job(VideoRecord(make(count)), "k")))
    check(clips, choose(count, pts), pts, frames, FRAME)


@pytest.mark.parametrize("count", [1, 3, 10, 41])
@pytest.mark.parametrize("policy", ["repeat_last", "wrap"])
def test_clips_of_frames(make: Callable[[int], Path], count: int, policy: str):
    pts, frames = everything(make(count))
    for values, indices in (
        ({"kind": "segments", "length": 8}, segments(count, 8, policy)),
        ({"kind": "segments", "length": 8, "max_segments": 2}, segments(count, 8, policy, 2)),
        ({"kind": "windows", "length": 8, "stride": 3}, windows(count, 8, 3, policy)),
        ({"kind": "windows", "length": 4, "stride": 9}, windows(count, 4, 9, policy)),
    ):
        config = SourceConfig("rgb", (CLIP,), sampling(**values, policy=policy))
        clips = list(RgbSource(config).clips(Job(VideoRecord(make(count)), "k")))
        check(clips, indices, pts, frames, CLIP)


def test_a_part_is_sampled_as_a_video_of_its_own(make: Callable[[int], Path]):
    path = make(41)
    for part in ({"frames": (7, 30)}, {"start_seconds": 1.0, "end_seconds": 2.5}):
        pts, frames = everything(path, **part)
        for kind in ("uniform", "first_n"):
            config = SourceConfig("rgb", (FRAME,), sampling(kind=kind, frames=5))
            clips = list(RgbSource(config).clips(Job(VideoRecord(path, **part), "k")))  # type: ignore[arg-type]
            choose = uniform if kind == "uniform" else first_n
            check(clips, choose(len(frames), 5), pts, frames, FRAME)


def test_several_backbones_share_one_decoded_frame(
    make: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
):
    opened, handed = [], []

    class Counting(VideoReader):
        def read(self, *args, **options):
            opened.append(self.path)
            for frame in super().read(*args, **options):
                handed.append(frame.index)
                yield frame

    monkeypatch.setattr(rgb_module, "open_record", lambda record: Counting(record.path))
    views = (View("frame", (24, 24), "center"), View("frame", (30, 50), "stretch"))
    config = SourceConfig("rgb", views, sampling(kind="jump", every=5))
    clips = list(RgbSource(config).clips(Job(VideoRecord(make(41)), "k")))
    assert len(opened) == 1
    assert handed == list(range(0, 41, 5))
    _, frames = everything(make(41))
    for clip, index in zip(clips, handed, strict=True):
        for view, data in zip(views, clip.inputs, strict=True):
            np.testing.assert_array_equal(data, fit(frames[index], view.size, view.crop))


def test_augmented_versions(make: Callable[[int], Path]):
    spec = recipe.Augment(rotate=5, crop="random", flip=0.5, copies=2)
    config = SourceConfig("rgb", (FRAME,), sampling(kind="jump", every=10), augment=spec)
    plain = SourceConfig("rgb", (FRAME,), sampling(kind="jump", every=10))
    job = Job(VideoRecord(make(41)), "some key")
    _, frames = everything(make(41))

    def clips(config: SourceConfig, variant: int) -> list[np.ndarray]:
        again = Job(job.record, job.key, variant)
        return [c.inputs[0] for c in RgbSource(config).clips(again)]

    np.testing.assert_array_equal(clips(config, 0), clips(plain, 0))
    for variant in (1, 2):
        augment = Augmenter(spec, job.key, variant)
        expected = [fit(augment(frames[i]), (32, 40), "stretch") for i in range(0, 41, 10)]
        np.testing.assert_array_equal(clips(config, variant), expected)


def cut_in_half(path: Path, target: Path) -> Path:
    """The first half of a Matroska file, which can be read that far."""
    target.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return target


@pytest.mark.parametrize(
    "spec",
    [
        {"kind": "jump", "every": 1},
        {"kind": "rate", "fps": 5.0},
        {"kind": "uniform", "frames": 6},
        {"kind": "first_n", "frames": 90},
    ],
    ids=lambda spec: spec["kind"],
)
def test_a_file_that_ends_early_is_an_error(tmp_path: Path, spec: dict[str, object]):
    whole = tmp_path / "whole.mkv"
    picture = np.random.default_rng(0).integers(0, 255, (48, 64, 3)).astype(np.uint8)
    with VideoWriter(whole, fps=FPS, width=64, height=48, preset="ultrafast") as writer:
        for shift in range(100):
            writer.write(np.roll(picture, 3 * shift, axis=1))
    config = SourceConfig("rgb", (FRAME,), sampling(**spec))
    list(RgbSource(config).clips(Job(VideoRecord(whole), "k")))
    half = cut_in_half(whole, tmp_path / "half.mkv")
    with pytest.raises(MediaError, match=r"half\.mkv is damaged: .*; replace it"):
        list(RgbSource(config).clips(Job(VideoRecord(half), "k")))


def test_what_lies_behind_the_last_frame_wanted_does_not_matter(tmp_path: Path):
    whole = tmp_path / "whole.mkv"
    with VideoWriter(whole, fps=FPS, width=64, height=48, preset="ultrafast") as writer:
        for shift in range(100):
            writer.write(np.full((48, 64, 3), shift, np.uint8))
    half = cut_in_half(whole, tmp_path / "half.mkv")
    config = SourceConfig("rgb", (FRAME,), sampling(kind="first_n", frames=5))
    clips = [list(RgbSource(config).clips(Job(VideoRecord(p), "k"))) for p in (whole, half)]
    for one, other in zip(*clips, strict=True):
        np.testing.assert_array_equal(one.inputs[0], other.inputs[0])


def test_policy_error_refuses_a_short_video(make: Callable[[int], Path]):
    config = SourceConfig("rgb", (FRAME,), sampling(kind="first_n", frames=10, policy="error"))
    with pytest.raises(MediaError, match="3 frames where 10"):
        list(RgbSource(config).clips(Job(VideoRecord(make(3)), "k")))


def test_make_source_gives_the_rgb_source():
    config = SourceConfig("rgb", (FRAME,), sampling(kind="jump", every=1))
    assert isinstance(make_source(config), RgbSource)
