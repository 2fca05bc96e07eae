"""I3D against a slow reference written from the architecture's own table, and the published file layout."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torchvision.models import googlenet

from kinema.backbones.i3d_net import I3D, Unit3D, inflate, max_pool, same_padding
from kinema.backbones.load import load_backbone
from kinema.errors import WeightsError
from kinema.weights.files import WeightFile

# The table of the paper (its figure 3, with the widths of GoogLeNet's table 1): what stands in each line is
# name, kernel and stride (time and space alike unless given as three), and the width or the branches' widths.
TABLE = [
    ("conv", "Conv3d_1a_7x7", 7, 2, 64),
    ("pool", (1, 3, 3), (1, 2, 2)),
    ("conv", "Conv3d_2b_1x1", 1, 1, 64),
    ("conv", "Conv3d_2c_3x3", 3, 1, 192),
    ("pool", (1, 3, 3), (1, 2, 2)),
    ("inception", "Mixed_3b", 64, 96, 128, 16, 32, 32),
    ("inception", "Mixed_3c", 128, 128, 192, 32, 96, 64),
    ("pool", (3, 3, 3), (2, 2, 2)),
    ("inception", "Mixed_4b", 192, 96, 208, 16, 48, 64),
    ("inception", "Mixed_4c", 160, 112, 224, 24, 64, 64),
    ("inception", "Mixed_4d", 128, 128, 256, 24, 64, 64),
    ("inception", "Mixed_4e", 112, 144, 288, 32, 64, 64),
    ("inception", "Mixed_4f", 256, 160, 320, 32, 128, 128),
    ("pool", (2, 2, 2), (2, 2, 2)),
    ("inception", "Mixed_5b", 256, 160, 320, 32, 128, 128),
    ("inception", "Mixed_5c", 384, 192, 384, 48, 128, 128),
]


def published_shapes(channels: int) -> dict[str, tuple[int, ...]]:
    """Key names and shapes of the published checkpoints, from the table."""
    shapes: dict[str, tuple[int, ...]] = {}

    def unit(name, inputs, outputs, kernel):
        shapes[f"{name}.conv3d.weight"] = (outputs, inputs, kernel, kernel, kernel)
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{name}.bn.{part}"] = (outputs,)

    width = channels
    for kind, *line in TABLE:
        if kind == "conv":
            name, kernel, _, outputs = line
            unit(name, width, outputs, kernel)
            width = outputs
        elif kind == "inception":
            name, b0, b1a, b1b, b2a, b2b, b3b = line
            unit(f"{name}.b0", width, b0, 1)
            unit(f"{name}.b1a", width, b1a, 1)
            unit(f"{name}.b1b", b1a, b1b, 3)
            unit(f"{name}.b2a", width, b2a, 1)
            unit(f"{name}.b2b", b2a, b2b, 3)
            unit(f"{name}.b3b", width, b3b, 1)
            width = b0 + b1b + b2b + b3b
    shapes["logits.conv3d.weight"] = (400, width, 1, 1, 1)
    shapes["logits.conv3d.bias"] = (400,)
    return shapes


def random_state(channels: int, seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, shape in published_shapes(channels).items():
        values = torch.randn(shape, generator=generator)
        if name.endswith("conv3d.weight"):
            values *= math.sqrt(2 / math.prod(shape[1:]))
        elif name.endswith("running_var"):
            values = 0.5 + values.abs()
        elif name.endswith("bn.weight"):
            values = 1 + 0.1 * values
        else:
            values *= 0.1
        state[name] = values
    return state


def zeros_around(x, kernel, stride):
    """TensorFlow's SAME by its documentation, axis by axis, as an explicit frame of zeros."""
    for axis, (k, s) in enumerate(zip(kernel, stride, strict=True), start=2):
        size = x.shape[axis]
        outputs = -(-size // s)
        total = max((outputs - 1) * s + k - size, 0)
        before = total // 2
        shape = list(x.shape)
        pieces = []
        for amount in (before, total - before):
            shape[axis] = amount
            pieces.append(torch.zeros(shape, dtype=x.dtype))
        x = torch.cat([pieces[0], x, pieces[1]], dim=axis)
    return x


def reference(state, x):
    """Scaled clips [N, C, T, H, W] -> the last feature map, one line of the table after the other."""

    def unit(name, x, kernel, stride):
        triple = (kernel,) * 3, (stride,) * 3
        x = F.conv3d(zeros_around(x, *triple), state[f"{name}.conv3d.weight"], stride=stride)
        norm = {p: state[f"{name}.bn.{p}"].view(1, -1, 1, 1, 1) for p in ("weight", "bias", "running_mean")}
        spread = torch.sqrt(state[f"{name}.bn.running_var"].view(1, -1, 1, 1, 1) + 1e-3)
        return torch.relu((x - norm["running_mean"]) / spread * norm["weight"] + norm["bias"])

    def pool(x, kernel, stride):  # zeros pad it in the published port; after a ReLU that changes nothing
        return F.max_pool3d(zeros_around(x, kernel, stride), kernel, stride)

    for kind, *line in TABLE:
        if kind == "conv":
            x = unit(line[0], x, line[1], line[2])
        elif kind == "pool":
            x = pool(x, *line)
        else:
            name = line[0]
            b0 = unit(f"{name}.b0", x, 1, 1)
            b1 = unit(f"{name}.b1b", unit(f"{name}.b1a", x, 1, 1), 3, 1)
            b2 = unit(f"{name}.b2b", unit(f"{name}.b2a", x, 1, 1), 3, 1)
            b3 = unit(f"{name}.b3b", pool(x, (3, 3, 3), (1, 1, 1)), 1, 1)
            x = torch.cat([b0, b1, b2, b3], dim=1)
    return x


def loaded(channels: int, features: str = "pool") -> tuple[I3D, dict[str, torch.Tensor]]:
    state = random_state(channels)
    net = I3D(channels, features)
    own = {k: v for k, v in state.items() if not k.startswith("logits")}
    left = net.load_state_dict(own, strict=False)
    assert not left.unexpected_keys
    assert all(key.endswith("num_batches_tracked") for key in left.missing_keys)
    return net.eval(), state


@pytest.mark.parametrize(
    ("frames", "side"), [(8, 112), (10, 96), (20, 64), (30, 40), (64, 40), (1, 64), (2, 50), (5, 71)]
)
def test_rgb_agrees_with_the_table(frames, side):
    net, state = loaded(3)
    clips = torch.from_numpy(
        np.random.default_rng(frames).integers(0, 256, (1, frames, side, side, 3), np.uint8)
    )
    with torch.inference_mode():
        expected = reference(state, (clips.double() / 127.5 - 1).float().permute(0, 4, 1, 2, 3))
        features = net(clips)
    assert expected.shape == (1, 1024, -(-frames // 8), -(-side // 32), -(-side // 32))
    means = expected.mean(dim=(2, 3, 4))
    assert features.shape == (1, 1024)
    assert means.std() > 1e-2
    assert (features - means).abs().max() < 1e-4


@pytest.mark.parametrize("frames", [10, 20])
def test_flow_agrees_with_the_table_on_a_batch(frames):
    net, state = loaded(2)
    clips = torch.rand((2, frames, 56, 72, 2), generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        expected = reference(state, clips.permute(0, 4, 1, 2, 3)).mean(dim=(2, 3, 4))
        assert (net(clips) - expected).abs().max() < 1e-4


def test_overlap_is_the_published_pooling():
    """At 224 the port pools (2, 7, 7) with stride 1, then takes the mean over time."""
    net, state = loaded(3, "overlap")
    clips = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, 20, 224, 224, 3), np.uint8))
    with torch.inference_mode():
        mapped = reference(state, (clips.float() / 127.5 - 1).permute(0, 4, 1, 2, 3))
        published = F.avg_pool3d(mapped, (2, 7, 7), stride=1).mean(dim=2)[..., 0, 0]
        assert mapped.shape[2:] == (3, 7, 7)
        assert (net(clips) - published).abs().max() < 1e-4
        single = net(clips[:, :4])
    assert torch.isfinite(single).all()  # one time step: its own mean
    plain = mapped.mean(dim=(2, 3, 4))
    assert (plain - published).abs().max() > 1e-4  # the two poolings are not the same


@pytest.mark.parametrize("size", range(1, 40))
@pytest.mark.parametrize(("kernel", "stride"), [(7, 2), (3, 2), (3, 1), (2, 2), (1, 1)])
def test_same_padding_gives_ceil_of_size_over_stride(size, kernel, stride):
    before, after = same_padding(size, kernel, stride)
    assert 0 <= after - before <= 1
    assert (size + before + after - kernel) // stride + 1 == -(-size // stride)
    x = torch.rand(1, 1, 3, size, size)
    mine = max_pool(x, (1, kernel, kernel), (1, stride, stride))
    padded = F.pad(x, (before, after, before, after), value=-math.inf)
    assert torch.equal(mine, F.max_pool3d(padded, (1, kernel, kernel), (1, stride, stride)))


@pytest.mark.parametrize(
    ("name", "file", "channels"), [("i3d_rgb", "rgb_imagenet.pt", 3), ("i3d_flow", "flow_imagenet.pt", 2)]
)
def test_published_files_load_whole(tmp_path, name, file, channels):
    state = random_state(channels)
    torch.save(state, tmp_path / file)
    backbone = load_backbone(name, weights="kinetics400", folder=tmp_path, download=False)
    assert backbone.source == str(tmp_path / file)
    own = {k: v for k, v in backbone.module.state_dict().items() if not k.endswith("num_batches_tracked")}
    assert own.keys() == {k for k in state if not k.startswith("logits")}
    assert all(torch.equal(own[key], state[key]) for key in own)
    # 12.7 million parameters with the classifier of 400 classes that the file brings along.
    count = sum(p.numel() for p in backbone.module.parameters())
    assert count == {3: 12_287_264, 2: 12_265_312}[channels]
    logits = 1024 * 400 + 400
    assert round((count + logits) / 1e6, 1) == 12.7


def test_a_file_of_the_other_stream_is_refused(tmp_path):
    torch.save(random_state(2), tmp_path / "rgb_imagenet.pt")
    with pytest.raises(WeightsError, match=r"of another shape \(Conv3d_1a_7x7.conv3d.weight\)"):
        load_backbone("i3d_rgb", weights="kinetics400", folder=tmp_path, download=False)


@pytest.fixture(scope="module")
def image_network() -> torch.nn.Module:
    torch.manual_seed(0)
    net = googlenet(weights=None, init_weights=False, aux_logits=False).eval()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return net


def test_inflated_filters_answer_a_still_clip_as_the_frame(image_network):
    """Repeated along time and divided by its length, a filter sums to what it was."""
    state = inflate(image_network.state_dict())
    net = I3D(3)
    left = net.load_state_dict(state, strict=False)
    assert not left.unexpected_keys
    assert all(key.endswith("num_batches_tracked") for key in left.missing_keys)
    assert torch.allclose(
        state["Conv3d_1a_7x7.conv3d.weight"].sum(2), image_network.conv1.conv.weight, atol=1e-6
    )
    third = state["Mixed_4c.b2b.conv3d.weight"][:, :, 1]
    assert torch.allclose(third * 3, image_network.inception4b.branch3[1].conv.weight)
    # Zero padding in time dims a clip's ends, so the middle of a long still clip is looked at.
    frame = torch.rand(1, 3, 1, 64, 64) * 2 - 1
    net.eval()
    with torch.inference_mode():
        x = net.Conv3d_1a_7x7(frame.expand(-1, -1, 33, -1, -1))[:, :, 8]
        framed = F.pad(frame[:, :, 0], (2, 3, 2, 3))
        first = image_network.conv1
        y = torch.relu(first.bn(F.conv2d(framed, first.conv.weight, stride=2)))
        assert torch.allclose(x, y, atol=1e-4)
        block = net.Mixed_3b(torch.relu(y.new_ones(1, 192, 9, 8, 8) * y[0, 0, :8, :8]))[:, :, 4]
        single = torch.relu(y.new_ones(1, 192, 8, 8) * y[0, 0, :8, :8])
        assert torch.allclose(block, image_network.inception3a(single), atol=1e-4)


def test_inflation_for_flow_and_through_the_loader(image_network, tmp_path, monkeypatch):
    state = inflate(image_network.state_dict(), channels=2)
    first = state["Conv3d_1a_7x7.conv3d.weight"]
    assert first.shape == (64, 2, 7, 7, 7)
    assert torch.allclose(first.sum(dim=(1, 2)), image_network.conv1.conv.weight.sum(1), atol=1e-5)
    assert I3D(2).load_state_dict(state, strict=False).unexpected_keys == []
    classified = {**image_network.state_dict(), "aux1.fc1.weight": torch.zeros(3, 3)}
    torch.save(classified, tmp_path / "googlenet-1378be20.pth")
    monkeypatch.setattr(WeightFile, "digest_of", lambda self, name: None)
    loaded = load_backbone("i3d_flow", weights="imagenet", folder=tmp_path, download=False)
    own = loaded.module.state_dict()
    assert all(torch.equal(own[key], value) for key, value in state.items())


def test_modes_hold_their_batch_norm():
    net = I3D(3)
    before = net.Mixed_5c.b0.bn.running_mean.clone()
    parameters = net.unfreeze(1)
    net.train()
    net(torch.zeros(1, 2, 40, 40, 3, dtype=torch.uint8)).sum().backward()
    assert torch.equal(net.Mixed_5c.b0.bn.running_mean, before)
    assert all(p.grad is not None for p in parameters)
    assert net.Conv3d_1a_7x7.conv3d.weight.grad is None


class Parts(nn.Module):
    """Every kind of padding that I3D has: even, uneven, and of pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = Unit3D(3, 4, 7, 2), Unit3D(4, 4, 3)

    def forward(self, x):
        return max_pool(self.second(self.first(x)), (2, 2, 2), (2, 2, 2))


def test_padding_is_constant_in_a_trace_which_openvino_insists_on():
    openvino = pytest.importorskip("openvino")
    parts, x = Parts().eval(), torch.randn(1, 3, 9, 30, 31)
    with torch.inference_mode():
        traced = torch.jit.trace(parts, x, check_trace=False)
        network = openvino.convert_model(traced, example_input=x, input=[tuple(x.shape)])
        run = openvino.compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        np.testing.assert_allclose(run(x.numpy())[0], parts(x).numpy(), rtol=1e-4, atol=1e-5)
