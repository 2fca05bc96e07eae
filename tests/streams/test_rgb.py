"""The rgb source against all frames decoded at once and chosen by the whole-video samplers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kinema.backbones.spec import InputSpec
from kinema.errors import MediaError, UsageError
from kinema.flow.methods import load_method
from kinema.media.reader import VideoReader
from kinema.recipe import load_recipe
from kinema.sampling.frames import uniform
from kinema.streams import RgbStream, Task
from kinema.streams.augment import Augment, Augmenter
from kinema.streams.images import fit
from kinema.types import Clip
from support.streams import clips_and_notes, write_frames
from support.whole_samples import first_n, jump, rate, segments, windows

# What the table says of the two backbones of these tests.
FRAME = InputSpec("frame", (224, 224), "stretch")
CLIP = InputSpec("clip", (80, 80), "center")


def frame_stream(**sampling: object) -> RgbStream:
    return RgbStream(input="rgb", backbone="mobilenet_v2", crop="stretch", sampling=sampling)  # type: ignore[arg-type]


def clip_stream(**sampling: object) -> RgbStream:
    return RgbStream(input="rgb", backbone="small_cnn", crop="center", sampling=sampling)  # type: ignore[arg-type]


def clips_of(stream: RgbStream, path: Path, **part: object) -> list[Clip]:
    return clips_and_notes(stream, path, **part)[0]


def everything(path: Path, **part: object) -> tuple[np.ndarray, list[np.ndarray]]:
    with VideoReader(path, **part) as reader:  # type: ignore[arg-type]
        frames = list(reader.read())
    return np.array([f.pts_seconds for f in frames]), [f.data for f in frames]


def check(
    clips: list[Clip], indices: np.ndarray, pts: np.ndarray, frames: list[np.ndarray], view: InputSpec
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
    pts, frames = everything(make(count))
    clips = clips_of(frame_stream(kind=name.split()[0], **values), make(count))
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
        clips = clips_of(clip_stream(**values, policy=policy), make(count))
        check(clips, indices, pts, frames, CLIP)


def test_a_part_is_sampled_as_a_video_of_its_own(make: Callable[[int], Path]):
    path = make(41)
    for part in ({"frames": (7, 30)}, {"start_seconds": 1.0, "end_seconds": 2.5}):
        pts, frames = everything(path, **part)
        for kind in ("uniform", "first_n"):
            clips = clips_of(frame_stream(kind=kind, frames=5), path, **part)
            choose = uniform if kind == "uniform" else first_n
            check(clips, choose(len(frames), 5), pts, frames, FRAME)


def test_several_backbones_share_one_decoded_frame(
    make: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
):
    opened, handed = [], []
    read = VideoReader.read

    def counting(self: VideoReader, *args: object, **options: object):
        opened.append(self.path)
        for frame in read(self, *args, **options):  # type: ignore[arg-type]
            handed.append(frame.index)
            yield frame

    monkeypatch.setattr(VideoReader, "read", counting)
    both = ("googlenet", "inception_resnet_v2")
    stream = RgbStream(input="rgb", backbone=both, sampling={"kind": "jump", "every": 5})  # type: ignore[arg-type]
    clips = clips_of(stream, make(41))
    monkeypatch.undo()
    assert len(opened) == 1
    assert handed == list(range(0, 41, 5))
    assert [view.size for view in stream.views] == [(224, 224), (299, 299)]
    _, frames = everything(make(41))
    for clip, index in zip(clips, handed, strict=True):
        for view, data in zip(stream.views, clip.inputs, strict=True):
            assert view.size is not None
            np.testing.assert_array_equal(data, fit(frames[index], view.size, view.crop))


def test_augmented_versions(make: Callable[[int], Path]):
    spec = Augment(rotate=5, crop="random", flip=0.5, copies=2)
    plain = frame_stream(kind="jump", every=10)
    stream = plain.model_copy(update={"augment": spec})
    _, frames = everything(make(41))

    def clips(stream: RgbStream, variant: int) -> list[np.ndarray]:
        found, _ = clips_and_notes(stream, make(41), Task("some key", variant))
        return [c.inputs[0] for c in found]

    np.testing.assert_array_equal(clips(stream, 0), clips(plain, 0))
    for variant in (1, 2):
        augment = Augmenter(spec, "some key", variant)
        expected = [fit(augment(frames[i]), (224, 224), "stretch") for i in range(0, 41, 10)]
        np.testing.assert_array_equal(clips(stream, variant), expected)


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
    write_frames(whole, [np.roll(picture, 3 * shift, axis=1) for shift in range(100)])
    clips_of(frame_stream(**spec), whole)
    half = cut_in_half(whole, tmp_path / "half.mkv")
    with pytest.raises(MediaError, match=r"half\.mkv is damaged: .*; replace it"):
        clips_of(frame_stream(**spec), half)


def test_what_lies_behind_the_last_frame_wanted_does_not_matter(tmp_path: Path):
    whole = tmp_path / "whole.mkv"
    write_frames(whole, [np.full((48, 64, 3), shift, np.uint8) for shift in range(100)])
    half = cut_in_half(whole, tmp_path / "half.mkv")
    clips = [clips_of(frame_stream(kind="first_n", frames=5), p) for p in (whole, half)]
    for one, other in zip(*clips, strict=True):
        np.testing.assert_array_equal(one.inputs[0], other.inputs[0])


def test_policy_error_refuses_a_short_video(make: Callable[[int], Path]):
    with pytest.raises(MediaError, match="3 frames where 10"):
        clips_of(frame_stream(kind="first_n", frames=10, policy="error"), make(3))


def test_uniform_sees_the_first_seconds_only(make: Callable[[int], Path]):
    pts, frames = everything(make(41))
    clips = clips_of(frame_stream(kind="uniform", frames=4, seconds=2.0), make(41))
    check(clips, uniform(int((pts < 2.0).sum()), 4), pts, frames, FRAME)


def test_a_backbone_that_does_not_fit_the_sampling_is_refused():
    with pytest.raises(UsageError, match=r"streams\.rgb: .*small_cnn takes clip input"):
        load_recipe("lite", ["streams.rgb.backbone=small_cnn"])
    with pytest.raises(UsageError, match="did you mean 'mobilenet_v2'"):
        load_recipe("lite", ["streams.rgb.backbone=mobilenet_v3"])


def test_the_fingerprint_follows_from_the_declared_keys():
    first = frame_stream(kind="jump", every=2)
    assert first.settings() != frame_stream(kind="jump", every=3).settings()
    assert first.settings() != first.model_copy(update={"crop": "center"}).settings()
    for unseen in ({"weights": "imagenet"}, {"train_blocks": 2}, {"standardize": True}):
        assert first.model_copy(update=unseen).settings() == first.settings()
    augmented = first.model_copy(update={"augment": Augment(flip=0.5, copies=2)})
    assert augmented.settings() == first.settings()
    assert augmented.settings(1) != first.settings(1)
    more = first.model_copy(update={"augment": Augment(flip=0.5, copies=3)})
    assert more.settings(1) == augmented.settings(1)


def test_a_frame_and_the_flow_over_it(make: Callable[[int], Path]):
    stream = RgbStream(
        input="rgb", backbone="mobilenet_v2_motion", sampling={"kind": "windows", "length": 3, "stride": 3}
    )
    _, frames = everything(make(10))
    fitted = [fit(frame, (112, 112), "center") for frame in frames]
    for number, clip in enumerate(clips_of(stream, make(10))[:3]):
        first, middle, last = fitted[3 * number : 3 * number + 3]
        (field,) = load_method("tvl1").fields([first, last])
        np.testing.assert_array_equal(clip.inputs[0][..., :3], middle)
        np.testing.assert_array_equal(clip.inputs[0][..., 3:], np.moveaxis(field, 0, -1))
        assert clip.inputs[0].dtype == np.float32
    assert stream.settings()["flow"]["method"] == "tvl1"
    assert stream.flow_methods == (("tvl1", "published"),)
    assert "flow" not in clip_stream(kind="windows", length=3, stride=3).settings()
