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
def recordings(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Recordings that are made; a replay doubles whatever lies in the recorded input."""
    made: list[Any] = []

    class Graph:
        def replay(self) -> None:
            recorded = self.owner
            recorded._features.copy_(recorded._x * 2)

    @contextmanager
    def graph(recording: Graph, **_: Any) -> Iterator[None]:
        made.append(recording)
        yield

    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", graph)
    monkeypatch.setattr(torch.cuda, "Stream", lambda *_, **__: None)
    return made


def test_a_shape_is_recorded_when_it_comes_again(recordings: list[Any]) -> None:
    network = Network()
    recorded = Recorded(network, "any")
    first = recorded(torch.ones(4, 3))
    assert (network.calls, len(recordings), first.sum()) == (1, 0, 24)
    recorded._record(torch.zeros(4, 3))  # what the next call would do ahead of its first replay
    recordings[0].owner = recorded
    assert recorded(torch.full((4, 3), 5.0)).eq(10).all()
    assert recorded(torch.full((4, 3), 7.0)).eq(14).all()
    assert (network.calls, len(recordings)) == (2, 1)


def test_another_shape_drops_the_recording(recordings: list[Any]) -> None:
    network = Network()
    recorded = Recorded(network, "any")
    recorded(torch.ones(4, 3))
    recorded._record(torch.zeros(4, 3))
    recordings[0].owner = recorded
    assert recorded(torch.ones(2, 3)).eq(2).all()
    assert recorded._graph is None
    assert recorded(torch.ones(4, 3)).eq(2).all()
    assert network.calls == 4


def test_a_network_that_cannot_be_recorded_stays_as_it_is(
    recordings: list[Any], monkeypatch: pytest.MonkeyPatch
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
        assert forward._network._graph is not None
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
