"""What a machine must have is looked for there, and its absence is one line with the cure."""

from __future__ import annotations

import os
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from kinema.buckets import as_path
from kinema.buckets.listing import forget
from kinema.errors import UsageError
from kinema.extraction.cluster.parcel import opened, packed
from kinema.extraction.cluster.site import Unreachable, site_of
from kinema.extraction.loaded import LoadedStream, load_streams
from kinema.recipe import load_recipe
from kinema.resources import Resources
from kinema.types import VideoRecord
from support.buckets import Bucket

CPU = Resources(weights="none", device="cpu", runtime="torch")
ASKED = {"weights": "none", "device": "cpu", "runtime": "torch", "precision": "fp32"}


def test_a_machine_that_sees_all_is_taken(tmp_path: Path) -> None:
    video = tmp_path / "clip.mp4"
    video.write_bytes(b"123")
    with site_of(VideoRecord(video), tmp_path) as site:
        pickle.loads(pickle.dumps(site)).check()
        assert site.mark is not None
    assert os.listdir(tmp_path) == ["clip.mp4"], "the mark is gone"
    with site_of(VideoRecord(video), None) as site:
        site.check()


@pytest.mark.parametrize(
    ("lacking", "words"),
    [
        ({"version": "9.9"}, "install the same"),
        ({"video": Path("/nowhere/clip.mp4")}, "does not see the videos"),
        ({"size": 4}, "does not see the videos"),
        ({"mark": Path("/nowhere/mark")}, "does not see the feature store"),
    ],
)
def test_what_is_missing_is_said(lacking, words: str, tmp_path: Path) -> None:
    video = tmp_path / "clip.mp4"
    video.write_bytes(b"123")
    with site_of(VideoRecord(video), tmp_path) as site, pytest.raises(Unreachable, match=words) as caught:
        replace(site, **lacking).check("abc")
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.machine) == (str(caught.value), "abc")


def test_a_machine_that_does_not_reach_a_bucket_says_so(s3: Bucket) -> None:
    s3.put("videos/clip.mp4", b"123")
    video = as_path(f"{s3.url}/videos/clip.mp4")
    with site_of(VideoRecord(video), None) as site:
        pickle.loads(pickle.dumps(site)).check()
        forget(video.parent)
        s3.server.fault = lambda method, path: "403 Forbidden"
        with pytest.raises(Unreachable, match=rf"does not reach the videos: {s3.url} .*credentials"):
            site.check("abc")
        s3.server.fault = lambda method, path: None
        forget(video.parent)
        s3.remove("videos/clip.mp4")
        site.check()  # what is gone is no trouble of the machine's


def stream() -> LoadedStream:
    sampling = "streams.rgb.sampling={kind: windows, length: 3, stride: 1}"
    recipe = load_recipe("lite", [sampling, "streams.rgb.backbone=small_cnn", "streams.rgb.weights=none"])
    return load_streams(recipe.streams, CPU)["rgb"]


def test_a_stream_arrives_as_it_was() -> None:
    sent = stream()
    arrived = opened(pickle.loads(pickle.dumps(packed(sent, ASKED))))
    assert arrived.settings() == sent.settings()


def test_what_was_trained_travels_along() -> None:
    sent = stream()
    module = sent.backbones[0].module
    with torch.no_grad():
        next(module.parameters()).add_(1.0)
    sent = sent.with_backbones([module])
    arrived = opened(packed(sent, ASKED))
    assert arrived.settings() == sent.settings()
    here, there = (s.backbones[0].module.state_dict() for s in (sent, arrived))
    for name, value in here.items():
        np.testing.assert_array_equal(value.numpy(), there[name].numpy())


def test_other_weights_are_refused_by_their_digest() -> None:
    parcel = packed(stream(), ASKED)
    (facts,) = parcel.settings["backbones"]
    other = replace(parcel, settings=parcel.settings | {"backbones": [facts | {"weights": "f" * 64}]})
    with pytest.raises(UsageError, match=r"has other weights of small_cnn \(\w{12}, not f{12}\); copy them"):
        opened(other)


def test_another_precision_is_refused() -> None:
    parcel = packed(stream(), ASKED)
    with pytest.raises(UsageError, match="would compute in fp32, not in bf16"):
        opened(replace(parcel, settings=parcel.settings | {"precision": "bf16"}))
