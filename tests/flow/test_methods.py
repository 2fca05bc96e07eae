"""The table of methods, streaming forms, and the learned methods with random weights."""

from __future__ import annotations

import importlib.util

import cv2
import numpy as np
import pytest
import torch

from kinema.errors import UsageError, WeightsError, WorkError
from kinema.flow import raft
from kinema.flow.learned import check_finite, learned_fields, padded
from kinema.flow.methods import METHODS, describe_method, flow_method
from kinema.flow.streaming import StreamingFlow, flow_fields
from kinema.flow.tvl1_numba import tvl1


def drifting(count: int, height: int = 48, width: int = 64) -> np.ndarray:
    noise = cv2.GaussianBlur(np.random.default_rng(3).random((height, width), np.float32), (0, 0), 2.5)
    first = cv2.normalize(noise, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    return np.stack([np.roll(first, t, 1) for t in range(count)])


def test_table_gives_tvl1():
    frames = drifting(3)
    assert np.array_equal(flow_method("tvl1")(frames), tvl1(frames))
    assert np.array_equal(flow_method("tvl1", warps=2, threads=1)(frames), tvl1(frames, warps=2))
    assert flow_method("tvl1")(frames[:1]).shape == (0, 2, 48, 64)
    on_torch = flow_method("tvl1", device="cpu:0", warps=2)(frames)  # any device but "cpu" is torch's
    assert np.hypot(*(on_torch - tvl1(frames, warps=2)).transpose(1, 0, 2, 3)).mean() < 1e-2


def test_unknown_names_are_refused():
    with pytest.raises(UsageError, match=r"unknown flow method 'tvl2'; did you mean 'tvl1'.*flownet2"):
        flow_method("tvl2")
    with pytest.raises(UsageError, match="TV-L1 has no parameter 'wraps'; choose among: tau, lambda_"):
        flow_method("tvl1", wraps=3)
    with pytest.raises(UsageError, match="takes frames"):
        flow_method("tvl1")(np.zeros((4, 4), np.uint8))


def test_descriptions_tell_methods_and_settings_apart():
    described = [describe_method(name) for name in METHODS]
    described += [describe_method("tvl1", warps=1), describe_method("raft_small", weights="none")]
    described += [describe_method("raft_small", updates=3)]
    assert len({str(sorted(d.items())) for d in described}) == len(described)
    assert described[0]["method"] == "tvl1"
    assert described[0]["lambda_"] == 0.15
    assert all("version" in d for d in described)
    assert describe_method("raft_large")["weights"] == "raft_large_C_T_SKHT_V2-ff5fadd5.pth"


def test_streaming_equals_the_clip():
    frames = drifting(4)
    flow = StreamingFlow()
    fields = [flow.push(frame) for frame in frames]
    assert fields[0] is None
    assert np.array_equal(np.stack(fields[1:]), tvl1(frames))
    assert np.array_equal(np.stack(list(flow_fields(iter(frames)))), tvl1(frames))
    colour = np.repeat(frames[..., None], 3, axis=-1)
    assert np.array_equal(np.stack(list(flow_fields(iter(colour)))), tvl1(frames))
    flow.reset()
    assert flow.push(frames[0]) is None


def test_streaming_begins_anew_where_the_size_changes():
    flow = StreamingFlow(warps=1)
    assert flow.push(np.zeros((20, 30), np.uint8)) is None
    assert flow.push(np.zeros((20, 30), np.uint8)).shape == (2, 20, 30)
    assert flow.push(np.zeros((24, 30), np.uint8)) is None
    assert flow.push(np.zeros((24, 30), np.uint8)).shape == (2, 24, 30)


def test_warm_start_follows_a_motion_that_cold_levels_would_miss():
    """Two levels and one warp cannot find six pixels at once, but can follow what grows by one a frame."""
    base = drifting(1, 96, 128)[0]
    frames = [np.roll(base, sum(range(t + 1)), 1) for t in range(7)]
    warm = StreamingFlow(warm_start=True, warm_scales=2)
    field = [warm.push(frame) for frame in frames][-1]
    assert np.median(field[0, 20:-20, 50:-20]) == pytest.approx(6, abs=0.3)
    cold = tvl1(np.stack(frames[-2:]), nscales=2, warps=1)[0]
    assert abs(np.median(cold[0, 20:-20, 50:-20]) - 6) > 1
    with pytest.raises(UsageError, match="warm_start is for tvl1"):
        StreamingFlow("raft_small", warm_start=True)


@pytest.mark.parametrize("name", ["raft_small", "raft_large"])
def test_raft_with_random_weights(name):
    frames = np.repeat(drifting(4, 50, 70)[..., None], 3, axis=-1)
    method = flow_method(name, weights="none", updates=2)
    fields = method(frames)
    assert fields.shape == (3, 2, 50, 70)
    assert fields.dtype == np.float32
    assert np.isfinite(fields).all()
    assert np.array_equal(fields, flow_method(name, weights="none", updates=2)(frames))  # seeded
    # Grey frames are colour frames whose channels agree.
    np.testing.assert_allclose(method(frames[..., 0]), fields, atol=1e-4)
    # Pairs do not know of each other: one at a time gives the same.
    streaming = StreamingFlow(name, weights="none", updates=2)
    one_by_one = [streaming.push(frame) for frame in frames]
    np.testing.assert_allclose(np.stack(one_by_one[1:]), fields, atol=1e-3)


def test_raft_is_torchvisions_on_its_own_terms():
    """At a size that needs no padding the field is what torchvision's network gives for [-1, 1] input."""
    from torchvision.models.optical_flow import raft_small

    frames = np.repeat(drifting(2, 128, 136)[..., None], 3, axis=-1)
    torch.manual_seed(0)
    net = raft_small(weights=None).eval()
    first, second = (torch.from_numpy(f).permute(2, 0, 1)[None] / 127.5 - 1 for f in frames)
    with torch.inference_mode():
        expected = net(first, second, num_flow_updates=3)[-1][0].numpy()
    field = flow_method("raft_small", weights="none", updates=3, seed=0)(frames)[0]
    np.testing.assert_allclose(field, expected, atol=1e-4)


def test_raft_loads_the_published_file(tmp_path, monkeypatch):
    from torchvision.models.optical_flow import raft_small

    torch.manual_seed(7)
    state = raft_small(weights=None).state_dict()
    name = raft.WEIGHTS["raft_small"].files[0]
    torch.save(state, tmp_path / name)
    with pytest.raises(WeightsError, match="is not the published file"):
        flow_method("raft_small", tmp_path)
    from kinema.backbones.spec import WeightFile

    monkeypatch.setitem(raft.WEIGHTS, "raft_small", WeightFile(files=("small.pth",)))
    torch.save(state, tmp_path / "small.pth")
    frames = drifting(2, 64, 64)
    loaded = flow_method("raft_small", tmp_path, updates=1)(frames)
    seeded = flow_method("raft_small", weights="none", seed=7, updates=1)(frames)
    np.testing.assert_allclose(loaded, seeded, atol=1e-5)


@pytest.mark.skipif(importlib.util.find_spec("ptlflow") is not None, reason="ptlflow is installed")
def test_flownet2_says_how_to_get_it():
    with pytest.raises(UsageError, match=r"run: pip install 'kinema\[flownet2\]'"):
        flow_method("flownet2", weights="none")


def test_flownet2_with_random_weights():
    pytest.importorskip("ptlflow", reason="ptlflow is not installed (pip install 'kinema[flownet2]')")
    fields = flow_method("flownet2", weights="none")(np.repeat(drifting(3)[..., None], 3, axis=-1))
    assert fields.shape == (2, 2, 48, 64)
    assert np.isfinite(fields).all()


def test_nan_is_caught_and_the_pair_named():
    def broken(first, second):
        fields = torch.zeros(len(first), 2, *first.shape[2:])
        fields[first.amax(dim=(1, 2, 3)) == 6] = float("nan")
        return fields

    frames = [np.full((8, 8), t, np.uint8) for t in range(12)]
    given = learned_fields(broken, frames, "raft_small", batch=4)
    assert [next(given).shape for _ in range(6)] == [(2, 8, 8)] * 6
    with pytest.raises(WorkError, match="raft_small gave a field that is not finite between frames 6 and 7"):
        next(given)
    with pytest.raises(WorkError, match="between frames 3 and 4"):
        check_finite(np.array([np.inf]), 3, "x")


def test_learned_methods_check_their_frames():
    def still(first, _second):
        return torch.zeros(len(first), 2, *first.shape[2:])

    assert list(learned_fields(still, [np.zeros((8, 8), np.uint8)], "m")) == []
    with pytest.raises(UsageError, match="frame size changes"):
        list(learned_fields(still, [np.zeros((8, 8), np.uint8), np.zeros((8, 9), np.uint8)], "m"))
    with pytest.raises(UsageError, match="takes uint8 frames"):
        list(learned_fields(still, [np.zeros((8, 8), np.float32)] * 2, "m"))


@pytest.mark.parametrize(("height", "width"), [(50, 70), (128, 128), (129, 300)])
def test_padding_is_undone_by_its_slices(height, width):
    image = torch.rand(1, 3, height, width)
    grown, (rows, columns) = padded(image, 8, 128)
    assert all(side % 8 == 0 and side >= 128 for side in grown.shape[2:])
    assert torch.equal(grown[..., rows, columns], image)
