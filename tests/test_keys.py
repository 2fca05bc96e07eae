"""Whatever changes the features changes their name, and nothing else does."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kinema.keys import fingerprint, video_key
from kinema.media.container import content_digest
from kinema.streams import AudioStream, FlowStream, RgbStream, StreamSettings
from kinema.types import VideoRecord

RATE = {"kind": "rate", "fps": 8}
RGB = {"input": "rgb", "backbone": "mobilenet_v2", "sampling": RATE, "augment": {"rotate": 5, "copies": 2}}
FLOW = {"input": "flow", "backbone": "small_flow_cnn", "method": "tvl1", "sampling": RATE}
CHANGES = {
    "size": {"backbone": "inception_resnet_v2"},
    "crop": {"crop": "stretch"},
    "kind of view": {"backbone": "small_cnn", "sampling": {"kind": "segments", "length": 3}},
    "second backbone": {"backbone": ("mobilenet_v2", "googlenet")},
    "sampling": {"sampling": {"kind": "jump", "every": 8}},
    "rate": {"sampling": {"kind": "rate", "fps": 9}},
    "limit": {"sampling": {"kind": "rate", "fps": 8, "max_frames": 50}},
    "motion": {"sampling": {"kind": "adaptive", "frames": 9, "seconds": 9, "motion": "difference"}},
}


def named(stream: StreamSettings, variant: int = 0) -> str:
    return fingerprint(stream.settings(variant))


def rgb(**change: object) -> RgbStream:
    return RgbStream(**{**RGB, **change})  # type: ignore[arg-type]


def flow(**change: object) -> FlowStream:
    return FlowStream(**{**FLOW, **change})  # type: ignore[arg-type]


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_every_setting_counts(change):
    assert named(rgb(**change)) != named(rgb())


def test_the_input_and_the_front_end_of_sound_count():
    sound = {named(AudioStream(input="audio", backbone=b)) for b in ("vggish", "yamnet")}
    assert len(sound | {named(rgb()), named(flow())}) == 4


@pytest.mark.parametrize("change", [{"clip_px": 10.0}, {"stack": 5}, {"method": "raft_small"}])
def test_flow_settings_count_for_flow(change):
    assert named(flow(**change)) != named(flow())


def test_learned_flow_counts_by_its_weights_and_tvl1_has_none():
    assert named(flow(flow_weights="none")) == named(flow())
    learned = {named(flow(method="raft_small", flow_weights=w)) for w in ("published", "none")}
    assert len(learned) == 2


def test_what_sampling_goes_by_counts():
    specs = [{"kind": "adaptive", "frames": 9, "seconds": 9, "motion": m} for m in ("tvl1", "raft_small")]
    assert len({named(rgb(sampling=s)) for s in specs}) == 2


def test_augmentation_counts_for_augmented_versions_only():
    other = rgb(augment={"rotate": 3, "copies": 2})
    assert named(other) == named(rgb())
    assert named(other, 1) != named(rgb(), 1)


def test_the_order_of_settings_does_not_count():
    assert fingerprint({"a": 1, "b": [1, 2]}) == fingerprint({"b": (1, 2), "a": 1})


def test_keys_follow_content_and_not_names(tmp_path: Path):
    one, other = tmp_path / "1" / "clip.mp4", tmp_path / "2" / "clip.mp4"
    copy = tmp_path / "renamed.mp4"
    for path, content in ((one, b"one"), (other, b"other")):
        path.parent.mkdir()
        path.write_bytes(content)
    shutil.copy(one, copy)
    keys = [video_key(content_digest(p), VideoRecord(p)) for p in (one, other, copy)]
    assert keys[0] != keys[1]
    assert keys[0] == keys[2]


def test_parts_and_versions_have_keys_of_their_own():
    path = Path("clip.mp4")
    records = [
        VideoRecord(path),
        VideoRecord(path, frames=(0, 10)),
        VideoRecord(path, frames=(0, 11)),
        VideoRecord(path, start_seconds=0.0, end_seconds=10.0),
        VideoRecord(path, start_seconds=1.0),
        VideoRecord(path, end_seconds=1.0),
    ]
    keys = {video_key("d", record, variant) for record in records for variant in range(3)}
    assert len(keys) == 3 * len(records)
    assert all(len(key) == 32 and set(key) <= set("0123456789abcdef") for key in keys)


def test_label_group_and_split_do_not_count():
    path = Path("clip.mp4")
    labelled = VideoRecord(path, label="walk", group="g1", split="train", name="walk/clip.mp4")
    assert video_key("d", labelled) == video_key("d", VideoRecord(path))
