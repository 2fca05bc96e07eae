"""The table of methods, their fields along a video, and the learned methods with random weights."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
from functools import partial
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from kinema.errors import UsageError, WeightsError, WorkError
from kinema.flow import learned
from kinema.flow.learned import network_fields, padded
from kinema.flow.methods import METHODS, NETWORKS, Network, describe_method, load_method
from kinema.flow.pairs import BatchedPairs
from kinema.weights.files import WeightFile
from support.whole_flow import tvl1


def drifting(count: int, height: int = 48, width: int = 64) -> np.ndarray:
    noise = cv2.GaussianBlur(np.random.default_rng(3).random((height, width), np.float32), (0, 0), 2.5)
    first = cv2.normalize(noise, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    return np.stack([np.roll(first, t, 1) for t in range(count)])


def fields_of(name: str, frames: np.ndarray, **options) -> np.ndarray:
    return np.stack(list(load_method(name, **options).fields(iter(frames))))


def test_table_gives_tvl1():
    frames = drifting(3)
    assert np.array_equal(fields_of("tvl1", frames), tvl1(frames))
    assert np.array_equal(fields_of("tvl1", frames, warps=2), tvl1(frames, warps=2))
    assert np.array_equal(fields_of("tvl1", frames, device="auto"), tvl1(frames))
    assert list(load_method("tvl1").fields(frames[:1])) == []
    on_torch = fields_of("tvl1", frames, device="cpu:0", warps=2)  # any device but "cpu" is torch's
    assert np.hypot(*(on_torch - tvl1(frames, warps=2)).transpose(1, 0, 2, 3)).mean() < 1e-2


def test_unknown_names_are_refused():
    with pytest.raises(UsageError, match=r"unknown flow method 'tvl2'; did you mean 'tvl1'.*flownet2"):
        load_method("tvl2")
    with pytest.raises(UsageError, match="TV-L1 has no parameter 'wraps'; choose among: tau, lambda_"):
        load_method("tvl1", wraps=3)
    with pytest.raises(UsageError, match="raft_small has no parameter 'warps'; choose among: updates, seed"):
        describe_method("raft_small", warps=3)
    with pytest.raises(UsageError, match="unknown device 'abacus'"):
        load_method("tvl1", device="abacus")


@pytest.mark.parametrize(
    "frame",
    [np.zeros(4, np.uint8), np.zeros((4, 4, 2), np.uint8), np.zeros((4, 4)), np.zeros((0, 4), np.uint8)],
)
def test_frames_of_another_kind_are_refused(frame):
    with pytest.raises(UsageError, match="takes uint8 frames"):
        load_method("tvl1").pairs().push(frame)


def test_loading_tvl1_and_describing_import_no_torch():
    code = (
        "import sys; from kinema.flow.methods import METHODS, describe_method, load_method\n"
        "[describe_method(name) for name in METHODS]; load_method('tvl1', threads=2)\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_descriptions_tell_methods_and_settings_apart():
    described = [describe_method(name) for name in METHODS]
    described += [describe_method("tvl1", warps=1), describe_method("raft_small", weights="none")]
    described += [describe_method("raft_small", updates=3)]
    assert len({str(sorted(d.items())) for d in described}) == len(described)
    assert described[0]["method"] == "tvl1"
    assert described[0]["lambda_"] == 0.15
    assert all("version" in d for d in described)
    assert describe_method("raft_large")["weights"] == "raft_large_C_T_SKHT_V2-ff5fadd5.pth"


def test_frame_by_frame_equals_the_clip():
    """With one thread every frame gives its field at once, whether grey or in colour."""
    frames = drifting(4)
    expected = tvl1(frames)
    for given in (frames, np.repeat(frames[..., None], 3, axis=-1)):
        pairs = load_method("tvl1").pairs()
        pushed = [pairs.push(frame) for frame in given]
        assert [len(fields) for fields in pushed] == [0, 1, 1, 1]
        assert np.array_equal(np.concatenate(pushed[1:]), expected)
        assert pairs.finish() == []


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_videos_and_threads_keep_to_themselves(threads):
    """Two videos pushed in turns: each has its own past; the memory of a frame may be used again."""
    first, second = drifting(9), drifting(9)[::-1].copy()
    method = load_method("tvl1", threads=threads, warps=2)
    states, found, buffer = (method.pairs(), method.pairs()), ([], []), np.empty_like(first[0])
    for t in range(9):
        for state, fields, frames in zip(states, found, (first, second), strict=True):
            buffer[:] = frames[t]
            fields += state.push(buffer)
            assert t - threads <= len(fields) <= t
    for state, fields, frames in zip(states, found, (first, second), strict=True):
        assert np.array_equal(np.stack(fields + state.finish()), tvl1(frames, warps=2))


@pytest.mark.parametrize("name", ["raft_small", "raft_large"])
def test_raft_with_random_weights(name):
    frames = np.repeat(drifting(4, 50, 70)[..., None], 3, axis=-1)
    method = load_method(name, weights="none", updates=2)
    fields = np.stack(list(method.fields(frames)))
    assert fields.shape == (3, 2, 50, 70)
    assert fields.dtype == np.float32
    assert np.isfinite(fields).all()
    assert np.array_equal(fields, fields_of(name, frames, weights="none", updates=2))  # seeded
    # Grey frames are colour frames whose channels agree.
    np.testing.assert_allclose(np.stack(list(method.fields(frames[..., 0]))), fields, atol=1e-4)
    # Pairs do not know of each other: one at a time gives the same.
    one_by_one = [field for pair in pairwise(frames) for field in method.fields(pair)]
    np.testing.assert_allclose(np.stack(one_by_one), fields, atol=1e-3)


def test_raft_is_torchvisions_on_its_own_terms():
    """At a size that needs no padding the field is what torchvision's network gives for [-1, 1] input."""
    from torchvision.models.optical_flow import raft_small

    frames = np.repeat(drifting(2, 128, 136)[..., None], 3, axis=-1)
    torch.manual_seed(0)
    net = raft_small(weights=None).eval()
    first, second = (torch.from_numpy(f).permute(2, 0, 1)[None] / 127.5 - 1 for f in frames)
    with torch.inference_mode():
        expected = net(first, second, num_flow_updates=3)[-1][0].numpy()
    field = fields_of("raft_small", frames, weights="none", updates=3, seed=0)[0]
    np.testing.assert_allclose(field, expected, atol=1e-4)


def test_raft_loads_the_published_file_once(tmp_path, monkeypatch):
    from torchvision.models.optical_flow import raft_small

    torch.manual_seed(7)
    state = raft_small(weights=None).state_dict()
    torch.save(state, tmp_path / NETWORKS["raft_small"].weights.files[0])
    with pytest.raises(WeightsError, match="is not the published file"):
        load_method("raft_small", folder=tmp_path)
    monkeypatch.setitem(
        NETWORKS, "raft_small", Network(WeightFile(files=("small.pth",)), "raft", {"updates": 1})
    )
    torch.save(state, tmp_path / "small.pth")
    frames = drifting(2, 64, 64)
    loaded = load_method("raft_small", folder=tmp_path)
    (tmp_path / "small.pth").unlink()  # every further video does without the file
    expected = fields_of("raft_small", frames, weights="none", seed=7)
    for _ in range(2):
        np.testing.assert_allclose(np.stack(list(loaded.fields(frames))), expected, atol=1e-5)
    with pytest.raises(WeightsError, match=r"no weights for raft_small here; put small.pth into"):
        load_method("raft_small", folder=tmp_path, download=False)


FAKE_PTLFLOW = """
try:
    import faiss
    faiss.StandardGpuResources()
except ImportError:
    pass

def get_model(name):
    return name
"""


def test_flownet2_loads_beside_faiss_for_processors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ptlflow.py").write_text(FAKE_PTLFLOW)
    (tmp_path / "faiss.py").write_text("index = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("ptlflow", "faiss"):
        monkeypatch.setitem(sys.modules, name, None)  # so that what is there now is there again afterwards
        del sys.modules[name]
    assert learned._flownet2("flownet2") == "flownet2"
    assert "faiss" not in sys.modules
    faiss = importlib.import_module("faiss")
    del sys.modules["ptlflow"]
    assert learned._flownet2("flownet2") == "flownet2"
    assert sys.modules["faiss"] is faiss


@pytest.mark.skipif(importlib.util.find_spec("ptlflow") is not None, reason="ptlflow is installed")
def test_flownet2_says_how_to_get_it():
    with pytest.raises(UsageError, match=r"run: pip install 'ptlflow>="):
        load_method("flownet2", weights="none")


def test_flownet2_with_random_weights():
    pytest.importorskip("ptlflow", reason="ptlflow is not installed (pip install ptlflow)")
    fields = fields_of("flownet2", np.repeat(drifting(3)[..., None], 3, axis=-1), weights="none")
    assert fields.shape == (2, 2, 48, 64)
    assert np.isfinite(fields).all()


def still(first, _second):
    return torch.zeros(len(first), 2, *first.shape[2:])


def by(network, batch: int = 4) -> BatchedPairs:
    return BatchedPairs("raft_small", partial(network_fields, network), batch)


def test_a_batching_network_lags_behind_by_a_batch_at_most():
    pairs = by(still, 3)
    given = [len(pairs.push(np.full((8, 8), t, np.uint8))) for t in range(9)]
    assert given == [0, 0, 0, 3, 0, 0, 3, 0, 0]
    assert len(pairs.finish()) == 2
    assert pairs.finish() == []


@pytest.mark.parametrize("batch", [1, 4, 20])
def test_nan_is_caught_and_the_pair_named(batch):
    def broken(first, second):
        fields = still(first, second)
        fields[first.amax(dim=(1, 2, 3)) == 6] = float("nan")
        return fields

    frames = [np.full((8, 8), t, np.uint8) for t in range(12)]
    given = by(broken, batch).fields(frames)
    if batch < len(frames):
        assert [next(given).shape for _ in range(6)] == [(2, 8, 8)] * 6
    with pytest.raises(WorkError, match="raft_small gave a field that is not finite between frames 6 and 7"):
        next(given)


def test_learned_methods_check_their_frames():
    assert list(by(still).fields([np.zeros((8, 8), np.uint8)])) == []
    with pytest.raises(UsageError, match="frame size changes"):
        list(by(still).fields([np.zeros((8, 8), np.uint8), np.zeros((8, 9), np.uint8)]))
    with pytest.raises(UsageError, match="takes uint8 frames"):
        list(by(still).fields([np.zeros((8, 8), np.float32)] * 2))


@pytest.mark.parametrize(("height", "width"), [(50, 70), (128, 128), (129, 300)])
def test_padding_is_undone_by_its_slices(height, width):
    image = torch.rand(1, 3, height, width)
    grown, (rows, columns) = padded(image)
    assert all(side % 8 == 0 and side >= 128 for side in grown.shape[2:])
    assert torch.equal(grown[..., rows, columns], image)
