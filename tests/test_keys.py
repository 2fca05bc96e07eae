"""Whatever changes the features changes their name, and nothing else does."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest
from kinema.streams.source import SourceConfig, View

from kinema import recipe
from kinema.keys import fingerprint, video_key
from kinema.media.digest import content_digest
from kinema.sampling import specs
from kinema.types import VideoRecord

CONFIG = SourceConfig(
    "rgb",
    (View("frame", (224, 224), "center"),),
    specs.Rate(kind="rate", fps=8),
    augment=recipe.Augment(rotate=5, copies=2),
)
CHANGES = {
    "size": {"views": (View("frame", (299, 299), "center"),)},
    "crop": {"views": (View("frame", (224, 224), "stretch"),)},
    "kind of view": {"views": (View("clip", (224, 224), "center"),)},
    "front end": {"views": (View("frame", (224, 224), "center", "yamnet"),)},
    "second backbone": {"views": CONFIG.views * 2},
    "sampling": {"sampling": specs.Jump(kind="jump", every=8)},
    "rate": {"sampling": specs.Rate(kind="rate", fps=9)},
    "limit": {"sampling": specs.Rate(kind="rate", fps=8, max_frames=50)},
    "flow method": {"method": "tvl1"},
    "input": {"input": "flow"},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_every_setting_counts(change):
    other = dataclasses.replace(CONFIG, **change)
    assert fingerprint(other.settings()) != fingerprint(CONFIG.settings())


@pytest.mark.parametrize("change", [{"clip_px": 10.0}, {"stack": 5}, {"method": "raft_small"}])
def test_flow_settings_count_for_flow(change):
    flow = dataclasses.replace(CONFIG, input="flow", method="tvl1", stack=10, augment=None)
    assert fingerprint(dataclasses.replace(flow, **change).settings()) != fingerprint(flow.settings())


def test_flow_settings_do_not_count_without_flow():
    other = dataclasses.replace(CONFIG, clip_px=10.0)
    assert fingerprint(other.settings()) == fingerprint(CONFIG.settings())


def test_augmentation_counts_for_augmented_versions_only():
    other = dataclasses.replace(CONFIG, augment=recipe.Augment(rotate=3, copies=2))
    assert fingerprint(other.settings(0)) == fingerprint(CONFIG.settings(0))
    assert fingerprint(other.settings(1)) != fingerprint(CONFIG.settings(1))


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
