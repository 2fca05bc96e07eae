"""Batches of one size: a sample's features do not depend on its neighbours, to the bit."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from kinema.backbones import torch_runtime
from kinema.backbones.load import LoadedBackbone, load_backbone
from kinema.backbones.module import Backbone
from kinema.backbones.random_init import synthetic_batch
from kinema.backbones.runner import BackboneRunner
from kinema.backbones.spec import BackboneSpec, InputSpec
from kinema.errors import UsageError, WorkError
from kinema.streams.images import fit


@pytest.fixture(scope="module")
def loaded():
    return load_backbone("mobilenet_v2", weights="none")


@pytest.fixture(scope="module")
def frames(loaded) -> list[np.ndarray]:
    return list(synthetic_batch(loaded.spec.input, seed=9).numpy())


@pytest.mark.parametrize(
    "name",
    [
        "mobilenet_v2",
        "googlenet",
        *(pytest.param(big, marks=pytest.mark.slow) for big in ("vgg16", "resnet152", "inception_resnet_v2")),
    ],
)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_features_are_the_same_bytes_alone_at_any_place_and_with_any_neighbours(name, precision):
    loaded = load_backbone(name, weights="none")
    a, b, c = synthetic_batch(loaded.spec.input, seed=9).numpy()[:3]
    run = BackboneRunner(loaded, batch_size=3, device="cpu", precision=precision)
    alone = run([a])[0].tobytes()
    among = run([c, b, a, b, a])  # the second batch is partly filled
    assert among[2].tobytes() == among[4].tobytes() == alone


def test_runner_agrees_with_the_plain_module(loaded, frames):
    with torch.inference_mode():
        plain = loaded.module(torch.from_numpy(np.stack(frames))).numpy()
    output = BackboneRunner(loaded, batch_size=3, device="cpu")(frames)
    assert output.dtype == np.float32
    np.testing.assert_allclose(output, plain, rtol=1e-3, atol=1e-4)
    low = BackboneRunner(loaded, batch_size=1, device="cpu", precision="bf16")(frames[:2])
    assert 0 < np.linalg.norm(low - plain[:2]) < 0.3 * np.linalg.norm(plain[:2])


def test_runner_leaves_its_backbone_alone(loaded, frames):
    before = loaded.module(torch.from_numpy(frames[0][None]))
    BackboneRunner(loaded, batch_size=1, device="cpu", precision="bf16")(frames[:1])
    assert all(p.dtype == torch.float32 for p in loaded.module.parameters())
    assert torch.equal(loaded.module(torch.from_numpy(frames[0][None])), before)


@pytest.mark.parametrize("there", [True, False], ids=["bf16", "imitated"])
def test_bf16_rounds_as_the_definition_says_with_and_without_the_processors_help(there, monkeypatch):
    """One linear layer: bf16 operands, exact sums, a bf16 result, whoever computes it."""
    monkeypatch.setattr(torch_runtime, "processor_has_bf16", lambda: there)
    layer = Dense().requires_grad_(False).eval()
    spec = BackboneSpec("dense", InputSpec("logmel", size=(1, 64)), {"pool": 16})
    x = np.random.default_rng(5).normal(size=(4, 64)).astype(np.float32)
    run = BackboneRunner(
        LoadedBackbone(layer, spec, "pool", 16, "", ""), batch_size=4, device="cpu", precision="bf16"
    )
    half = [torch.from_numpy(x), layer.linear.weight]
    x64, w64 = (value.bfloat16().double() for value in half)
    exact = (x64 @ w64.T).float().bfloat16().float().numpy()
    np.testing.assert_allclose(run(list(x)), exact, rtol=2**-7, atol=1e-6)
    assert (run(list(x)) == exact).mean() > 0.95
    assert np.abs(run(list(x)) - x @ layer.linear.weight.numpy().T).max() > 1e-4


class Dense(Backbone):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.linear = torch.nn.Linear(64, 16, bias=False)

    def blocks(self):
        return [self.linear]

    def forward(self, x):
        return self.linear(self.cast(x)).float()


def test_no_inputs_no_features(loaded):
    assert BackboneRunner(loaded, device="cpu")([]).shape == (0, 1280)


def test_threads_are_set(loaded):
    before = torch.get_num_threads()
    try:
        BackboneRunner(loaded, device="cpu", threads=1)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_wrong_use_is_refused(loaded, frames):
    with pytest.raises(UsageError, match="batch size must be 1 or more, got 0"):
        BackboneRunner(loaded, batch_size=0)
    with pytest.raises(UsageError, match="unknown precision 'fp8'; use fp32, bf16 or int8"):
        BackboneRunner(loaded, precision="fp8")
    with pytest.raises(UsageError, match="unknown runtime 'tflite'; use auto, torch or openvino"):
        BackboneRunner(loaded, runtime="tflite")
    with pytest.raises(UsageError, match="openvino works on the processor, not on cuda"):
        BackboneRunner(loaded, runtime="openvino", device="cuda")
    with pytest.raises(UsageError, match="precision int8 is OpenVINO's; leave --runtime out"):
        BackboneRunner(loaded, precision="int8", runtime="torch")
    with pytest.raises(UsageError, match="unknown device 'abacus'; use auto, cpu, cuda, cuda:N or mps"):
        BackboneRunner(loaded, device="abacus")
    with pytest.raises(UsageError, match="device cuda:99 was asked for and there is no such GPU here"):
        BackboneRunner(loaded, device="cuda:99")
    run = BackboneRunner(loaded, batch_size=2, device="cpu")
    with pytest.raises(ValueError, match=r"takes uint8 .*, got float32"):
        run([frames[0].astype(np.float32)])
    with pytest.raises(ValueError, match=r"got uint8 \(100, 224, 3\)"):
        run([frames[0], frames[1][:100]])


def test_values_that_are_not_finite_are_refused(frames):
    loaded = load_backbone("mobilenet_v2", weights="none")
    loaded.module.net.conv_stem.weight[0] = float("nan")
    with pytest.raises(WorkError, match="mobilenet_v2 gave features that are not finite; check its weights"):
        BackboneRunner(loaded, batch_size=1, device="cpu")(frames[:1])


@pytest.fixture
def small():
    return load_backbone("small_flow_cnn", weights="none")


def stacks(n: int) -> list[np.ndarray]:
    return list(np.random.default_rng(3).uniform(-1, 1, (n, 32, 40, 20)).astype(np.float32))


def test_steps_that_low_precision_makes_nan_are_computed_again_in_fp32(small, told, monkeypatch):
    exact = BackboneRunner(small, batch_size=2, device="cpu")(stacks(5))
    run = BackboneRunner(small, batch_size=2, device="cpu", precision="bf16")
    low, calls = type(run._forward).__call__, []

    def with_holes(forward, batch):
        calls.append(1)
        features = low(forward, batch)
        if len(calls) in (1, 3):
            features[0, 7] = np.nan if len(calls) == 1 else np.inf
        return features

    monkeypatch.setattr(run, "_forward", With(run._forward, with_holes))
    output = run(stacks(5))
    again = [row for row in range(5) if output[row].tobytes() == exact[row].tobytes()]
    assert again == [0, 4]
    assert run.again == 2
    assert told == [
        "small_flow_cnn gave values that are not finite in bf16: such steps are computed again in fp32"
    ]


class With:
    """A network whose calls are those of another function, which is given the network too."""

    def __init__(self, forward, call):
        self.forward, self.call, self.batch = forward, call, forward.batch

    def __call__(self, batch):
        return self.call(self.forward, batch)


class Cramped(With):
    """A network on a device whose memory takes no more than `most` steps at once."""

    def __init__(self, forward, most: int):
        super().__init__(forward, self.refuse)
        self.most, self.sizes = most, []

    def refuse(self, forward, batch):
        self.sizes.append(len(batch))
        if len(batch) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(batch)


def test_where_the_memory_of_a_gpu_runs_out_batches_are_halved_and_the_work_goes_on(small, told):
    expected = BackboneRunner(small, batch_size=8, device="cpu")(stacks(19))
    run = BackboneRunner(small, batch_size=8, device="cpu")
    run._forward = cramped = Cramped(run._forward, most=2)
    np.testing.assert_allclose(run(stacks(19)), expected, rtol=1e-4, atol=1e-5)
    assert cramped.sizes == [8, 4, *[2] * 10]
    assert [text.rpartition(" ")[2] for text in told] == ["4", "2"]
    run(stacks(3))
    assert cramped.sizes[-2:] == [2, 2]


def test_one_step_that_does_not_fit_is_an_error(small, told):
    run = BackboneRunner(small, batch_size=2, device="cpu")
    run._forward = Cramped(run._forward, most=0)
    with pytest.raises(WorkError, match=r"not even one step of small_flow_cnn fits .*; use --device cpu"):
        run(stacks(1))


def test_real_values_recognise_real_frames(shared_data, ucf_clips):
    """The file's own classifier, on our features, names what a person sees."""
    import av

    loaded = load_backbone("mobilenet_v2", folder=shared_data / "weights")
    file = shared_data / "weights" / "mobilenet_v2_imagenet_timm.safetensors"
    labels = json.loads(file.with_suffix(".json").read_text())["labels"]
    values = {key: value.numpy() for key, value in load_file(file).items() if key.startswith("classifier.")}
    expected = {"Archery": "bow", "PlayingPiano": "grand piano", "Surfing": "seashore"}
    run = BackboneRunner(loaded, batch_size=2, device="cpu")
    for action, label in expected.items():
        path = next(ucf_clips.rglob(f"v_{action}_g01_c01.avi"))
        with av.open(str(path)) as container:
            frame = next(container.decode(video=0)).to_image()
        side = min(frame.size)
        left, top = (frame.width - side) // 2, (frame.height - side) // 2
        square = frame.crop((left, top, left + side, top + side)).resize((224, 224))
        logits = values["classifier.weight"] @ run([np.asarray(square)])[0] + values["classifier.bias"]
        assert any(label in labels[i] for i in np.argsort(-logits)[:5]), action


def test_threads_may_call_at_the_same_time(small):
    """As the engine does where a GPU computes: each has memory of its own for its batch."""
    run = BackboneRunner(small, batch_size=4, device="cpu")
    parts = [stacks(12)[3 * i : 3 * i + 3] for i in range(4)] * 5
    expected = [run(part) for part in parts]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(run, parts))
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_threads_that_run_out_of_memory_together_halve_the_batch_once(small, told):
    run = BackboneRunner(small, batch_size=8, device="cpu")
    meet = threading.Barrier(2)

    def cramped(forward, batch):
        if len(batch) == 8:
            meet.wait(30)
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(batch)

    run._forward = With(run._forward, cramped)
    with ThreadPoolExecutor(2) as threads:
        both = [threads.submit(copy_context().run, run, stacks(8)) for _ in range(2)]
    assert all(len(future.result()) == 8 for future in both)
    assert run.batch_size == 4
    assert len(told) == 1


def test_frames_of_several_sizes_in_one_batch_are_resized_each_and_stay_in_order(loaded):
    random, size = np.random.default_rng(0), loaded.spec.input.size
    raw = [random.integers(0, 255, (*shape, 3), np.uint8) for shape in [(240, 240), size, (300, 240)] * 3]
    run = BackboneRunner(loaded, batch_size=4, device="cpu", resizes=True)
    fitted = run([fit(frame, size, "stretch") for frame in raw])
    np.testing.assert_allclose(run(raw), fitted, rtol=1e-4, atol=1e-5)
    alone = np.concatenate([run([frame]) for frame in raw])
    np.testing.assert_allclose(run(raw), alone, rtol=1e-4, atol=1e-5)
    assert not np.allclose(run(raw[::-1]), run(raw), atol=1e-3)


def test_inputs_may_lie_on_the_device(loaded, frames):
    run = BackboneRunner(loaded, batch_size=4, device="cpu")
    there = [torch.from_numpy(frame) for frame in frames]
    np.testing.assert_array_equal(run(there), run(frames))
    run = BackboneRunner(loaded, batch_size=4, device="cpu", resizes=True)  # as in extraction
    mixed = [there[0], frames[1], *there[2:]]
    np.testing.assert_allclose(run(mixed), run(frames), rtol=1e-4, atol=1e-5)


def test_inputs_of_two_memories_make_one_batch(small):
    run = BackboneRunner(small, batch_size=8, device="cpu")
    mixed = [torch.from_numpy(stack) if row % 3 else stack for row, stack in enumerate(stacks(7))]
    np.testing.assert_allclose(run(mixed), run(stacks(7)), rtol=1e-4, atol=1e-5)
