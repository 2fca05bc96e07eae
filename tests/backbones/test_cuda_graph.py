"""When a network is recorded, and what becomes of it where it cannot be. Recording itself needs a GPU."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor

from kinema.backbones import cuda_graph
from kinema.backbones.cuda_graph import Recorded
from kinema.backbones.load import load_backbone
from kinema.backbones.random_init import synthetic_batch
from kinema.backbones.torch_runtime import TorchForward


class Network:
    """Doubles, and counts how often it is called."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x * 2


@pytest.fixture
def replays(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Recordings that are replayed; a replay doubles whatever lies in the recorded input."""
    done: list[Any] = []

    class Graph:
        owner: Recorded

        def replay(self) -> None:
            recording = self.owner._recording
            assert recording is not None
            recording.features.copy_(recording.x * 2)
            done.append(self)

    @contextmanager
    def graph(recording: Graph, **_: Any) -> Iterator[None]:
        yield

    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", graph)
    monkeypatch.setattr(torch.cuda, "Stream", lambda *_, **__: None)
    return done


@pytest.fixture
def recorded(replays: list[Any], monkeypatch: pytest.MonkeyPatch) -> Recorded:
    """A network that doubles."""
    made = Recorded(Network(), "any")
    monkeypatch.setattr(torch.cuda.CUDAGraph, "owner", made, raising=False)
    return made


def test_a_shape_is_recorded_when_it_comes_again(recorded: Recorded, replays: list[Any]) -> None:
    first = recorded(torch.ones(4, 3))
    assert (recorded._network.calls, len(replays), first.sum()) == (1, 0, 24)
    assert recorded(torch.full((4, 3), 5.0)).eq(10).all()
    assert recorded(torch.full((4, 3), 7.0)).eq(14).all()
    assert (recorded._network.calls, len(replays)) == (2, 2)


def test_another_shape_drops_the_recording(recorded: Recorded, replays: list[Any]) -> None:
    for _ in range(2):
        recorded(torch.ones(4, 3))
    assert recorded(torch.ones(2, 3)).eq(2).all()
    assert recorded._recording is None
    assert recorded(torch.ones(4, 3)).eq(2).all()
    assert (recorded._network.calls, len(replays)) == (4, 1)


def test_a_network_that_cannot_be_recorded_stays_as_it_is(
    replays: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    freed: list[Any] = []

    @contextmanager
    def graph(*_: Any, **__: Any) -> Iterator[None]:
        raise RuntimeError("operation not permitted when stream is capturing\nmore of it")
        yield

    monkeypatch.setattr(torch.cuda, "graph", graph)
    monkeypatch.setattr(cuda_graph, "_free_generator", freed.append)
    recorded = Recorded(Network(), "any")
    recorded(torch.ones(4, 3))
    with pytest.warns(RuntimeWarning, match="any is launched layer by layer.*capturing\\)") as told:
        found = [recorded(torch.ones(4, 3)) for _ in range(2)]
    assert all(y.eq(2).all() for y in found)
    assert (len(told), len(freed)) == (1, 1)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize("name", ["mobilenet_v2", "i3d_rgb", "timm/mobilenetv4_conv_small.e2400_r224_in1k"])
def test_a_recorded_network_gives_the_same_bytes(name: str) -> None:
    loaded = load_backbone(name, weights="none")
    forward = TorchForward(loaded, device="cuda", precision="bf16")
    x = synthetic_batch(loaded.spec.input, seed=1).cuda()
    with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16, enabled=forward._autocast):
        found = [forward._network(x).clone() for _ in range(3)]
        assert forward._network._recording is not None
        other = x.flip(0)
        assert torch.equal(forward._network(other), forward._module(other).float())
    assert torch.equal(found[0], found[2])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_random_numbers_outlive_a_recording_that_failed() -> None:
    def waits(x: Tensor) -> Tensor:
        y = torch.nn.functional.dropout(x, 0.5)
        y.sum().item()
        return y

    recorded = Recorded(waits, "any")
    x = torch.ones(8, 8, device="cuda")
    recorded(x)
    with pytest.warns(RuntimeWarning, match="layer by layer"):
        recorded(x)
    torch.manual_seed(3)
    first = torch.rand(4, device="cuda")
    torch.manual_seed(3)
    assert torch.equal(first, torch.rand(4, device="cuda"))
