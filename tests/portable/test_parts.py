"""What was written gives what the recogniser gives: at other batches and lengths, padded with anything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from kinema.model.batch import SequenceBatch
from kinema.model.build import build_recognizer
from kinema.model.calibration import Calibration
from kinema.model.head import Output
from kinema.model.head import scores as head_scores
from kinema.model.recognizer import JointRecognizer, Recognizer
from kinema.model.separate import SeparateRecognizer
from kinema.model.svm import LinearSVM
from kinema.portable.call import FORMATS
from kinema.portable.formats import write_part
from kinema.portable.parts import Part, parts_of
from kinema.portable.recognizer import best_steps, portable_vote
from kinema.recipe import Classifier, load_recipe
from kinema.temporal.vote import vote

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

DIM, CLASSES = 6, 3
MOMENTS = {
    "kind": "moments",
    "statistics": ["mean", "spread", "steps", "halves", "cosine", "scenes", "areas"],
}
COREHAR = {"kind": "lstm", "units": 4, "layers": 3, "bidirectional": True, "pool": "none"}
PER_STEP = {"per_step": True, "vote": "majority", "hidden": 4}
MEAN_OF_STEPS = PER_STEP | {"vote": "mean"}
TWO = {"fusion": {"kind": "weighted_average"}, "classifier": {"activation": "sigmoid"}}
PER_CLASS = {"activation": "sigmoid", "per_step": True, "vote": "max"}
TIMELINE = {"classifier": PER_CLASS, "timeline": {"background": 4}}
SVM = {"fusion": {"kind": "concat_svm"}, "training": {"stages": "separate"}}
CASES: dict[str, tuple[dict[str, Any], int, dict[str, Any]]] = {
    "lite": (MOMENTS, 1, {}),
    "gru": ({"kind": "gru", "units": 4, "layers": 2, "pool": "mean"}, 1, {}),
    "gru before": ({"kind": "gru", "units": 4, "reset": "before", "activation": "relu"}, 1, {}),
    "gru both ways": ({"kind": "gru", "units": 4, "bidirectional": True, "attention": True}, 1, {}),
    "corehar": (COREHAR, 1, {"encoder": {"layers": [7, 5]}, "classifier": PER_STEP}),
    "mean of steps": ({"kind": "lstm", "units": 4, "pool": "none"}, 1, {"classifier": MEAN_OF_STEPS}),
    "two streams": ({"kind": "lstm", "units": 4, "activation": "relu"}, 2, TWO),
    "lite-motion": (MOMENTS, 2, {"fusion": {"kind": "bilinear", "components": 3}}),
    "svm": ({"kind": "mean"}, 2, SVM),
    "attentive": ({"kind": "attentive", "units": 4, "heads": 2, "queries": 3}, 1, {}),
    "transformer": ({"kind": "transformer", "units": 4, "heads": 2}, 1, {}),
    "timeline": ({"kind": "gru", "units": 4, "pool": "none"}, 1, TIMELINE),
    "timeline both": ({"kind": "transformer", "units": 4, "heads": 2, "pool": "none"}, 1, TIMELINE),
}  # fmt: skip
ONE_WAY = {"gru", "gru before", "mean of steps", "two streams", "svm", "timeline"}


def recognizer(case: str) -> Recognizer:
    """A recogniser with random values everywhere, calibrated where it can be."""
    temporal, streams, extra = CASES[case]
    stream = {
        "input": "rgb",
        "sampling": {"kind": "windows", "length": 3, "stride": 5},
        "backbone": "small_cnn",
    }
    names = ["rgb", "other"][:streams]
    recipe = load_recipe(
        {"name": case, "streams": dict.fromkeys(names, stream), "temporal": temporal, **extra}
    )
    torch.manual_seed(0)
    model = build_recognizer(recipe, dict.fromkeys(names, DIM), CLASSES).eval().requires_grad_(False)
    for tensor in model.state_dict().values():
        if tensor.is_floating_point():
            tensor.add_(torch.rand_like(tensor) / 2)
    if isinstance(model, SeparateRecognizer):
        size = model.fusion.output_size
        model.svm = LinearSVM(torch.randn(CLASSES, size), torch.randn(CLASSES), torch.tensor(1.7))
    elif isinstance(model, JointRecognizer):
        model.calibration = Calibration(0.4, torch.tensor([0.5]))
    return model


def activated(model: Recognizer, logits: torch.Tensor) -> torch.Tensor:
    return logits.sigmoid() if model.recipe.classifier.activation == "sigmoid" else logits.softmax(1)


def parts(case: str) -> tuple[Recognizer, dict[str, Part]]:
    model = recognizer(case)
    return model, {part.name: part for part in parts_of({}, model)}


def run_onnx(folder: Path, part: Part) -> Callable[..., list[np.ndarray]]:
    session = onnxruntime.InferenceSession(str(folder / f"{part.name}.onnx"))
    return lambda *inputs: session.run(None, {k: x.numpy() for k, x in zip(part.inputs, inputs, strict=True)})


@pytest.mark.parametrize("case", CASES)
def test_onnx_gives_the_recognisers_scores(case: str, tmp_path: Path) -> None:
    model, made = parts(case)
    assert ("step" in made) == (case in ONE_WAY)
    write_part(made["recognizer"], tmp_path, "onnx", {})
    compute = run_onnx(tmp_path, made["recognizer"])
    generator = torch.Generator().manual_seed(3)
    for lengths, steps in (([1], 1), ([17, 0, 2, 5, 9], 17), ([2, 1], 3)):
        batch, inputs = {}, []
        for shift, name in enumerate(model.streams):
            ends = torch.tensor(lengths[shift:] + lengths[:shift])
            x = torch.randn(len(lengths), steps, DIM, generator=generator)
            x[torch.arange(steps) >= ends[:, None]] = 0
            batch[name] = SequenceBatch(x, ends)
            garbage = torch.cat([x, torch.full((len(lengths), 4, DIM), 50.0)], dim=1)
            garbage[torch.arange(steps + 4) >= ends[:, None]] = 50.0
            inputs += [garbage, ends]
        expected = model.class_scores(batch).numpy()
        scores, *per_step = compute(*inputs)
        np.testing.assert_allclose(scores, expected, atol=1e-4, rtol=0)
        assert (scores.argmax(1) == expected.argmax(1)).all()
        if per_step:
            logits = model(batch).logits / model.calibration.temperature
            for row, length in enumerate(lengths):
                np.testing.assert_allclose(
                    per_step[0][row, :length], activated(model, logits[row, :length]), atol=1e-4, rtol=0
                )


@pytest.mark.parametrize("case", sorted(ONE_WAY))
def test_steps_carry_their_state_to_the_whole_sequences_scores(case: str, tmp_path: Path) -> None:
    model, made = parts(case)
    step = made["step"]
    write_part(step, tmp_path, "onnx", {})
    compute = run_onnx(tmp_path, step)
    xs = [torch.randn(3, 6, DIM) for _ in model.streams]
    state = [torch.zeros(3 if x.ndim else (), *x.shape[1:]) for x in step.example[len(xs) :]]
    for t in range(6):
        scores, *following = compute(*(x[:, t] for x in xs), *state)
        state = [torch.from_numpy(x) for x in following]
        pairs = zip(model.streams, xs, strict=True)
        seen = {n: SequenceBatch(x[:, : t + 1], torch.full((3,), t + 1)) for n, x in pairs}
        if model.recipe.classifier.per_step:
            expected = activated(model, model(seen).logits[:, t] / model.calibration.temperature)
        else:
            expected = model.class_scores(seen)
        np.testing.assert_allclose(scores, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", ["openvino", "torch"])
@pytest.mark.parametrize("case", ["lite", "gru before", "corehar", "two streams", "lite-motion"])
def test_other_formats_give_the_same(name: str, case: str, tmp_path: Path) -> None:
    """What they are compared with as they are written is the recogniser, at one more batch and length."""
    if name == "openvino":
        pytest.importorskip("openvino")
    model, made = parts(case)
    part = made["recognizer"]
    write_part(part, tmp_path, name, {"labels": ["ä"]})
    lengths = torch.tensor([3, 12, 0])
    x = torch.randn(3, 12, DIM) * (torch.arange(12) < lengths[:, None]).unsqueeze(2)
    expected = model.class_scores({n: SequenceBatch(x, lengths) for n in model.streams}).numpy()
    inputs = (x, lengths) * len(model.streams)
    if name == "torch":
        facts = {"export.json": ""}
        network = torch.jit.load(str(tmp_path / "recognizer.pt"), _extra_files=facts)
        assert '"ä"' in bytes(facts["export.json"]).decode()
        scores = network(*inputs)[0].numpy()
    else:
        import openvino

        core = openvino.Core()
        network = core.read_model(tmp_path / "recognizer.xml")
        assert '"ä"' in network.get_rt_info("kinema_export").astype(str)
        compiled = core.compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        scores = compiled(dict(zip(part.inputs, (x.numpy() for x in inputs), strict=True)))["scores"]
    np.testing.assert_allclose(scores, expected, atol=1e-4, rtol=0)


def test_what_comes_out_different_is_refused(tmp_path: Path) -> None:
    """A trace that took a choice for good."""
    from dataclasses import replace

    from kinema.errors import WorkError

    class Chooses(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * 2 if x.shape[0] == 2 else x * 3

    _, made = parts("gru")
    free = {"x": {0: "batch"}, "y": {0: "batch"}}
    part = replace(
        made["recognizer"],
        name="chooses",
        module=Chooses(),
        example=(torch.ones(2, 1),),
        other=(torch.ones(3, 1),),
        inputs=("x",),
        outputs=("y",),
        free=free,
    )
    for name in FORMATS:
        with pytest.raises(WorkError, match=f"chooses as {name} gives other y than torch .by 33.33%"):
            write_part(part, tmp_path, name, {})


def test_the_best_steps_are_those_of_each_sequence_alone() -> None:
    scores, lengths = torch.rand(3, 6, 4), torch.tensor([6, 2, 0])
    found, by_head = best_steps(scores, lengths), Classifier(activation="sigmoid", per_step=True, vote="max")
    expected = torch.stack([scores[0].amax(0), scores[1, :2].amax(0), torch.zeros(4)])
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(head_scores(Output(scores.logit(), lengths), by_head), expected)


def test_the_portable_vote_is_the_vote() -> None:
    scores = torch.rand(200, 4, CLASSES).softmax(2)
    scores[:50] = scores[:50].round(decimals=1)  # ties
    lengths = torch.randint(0, 5, (200,))
    expected, found = vote(scores, lengths), portable_vote(scores, lengths)
    torch.testing.assert_close(found, expected, atol=5e-6, rtol=0)
    first, second = expected.topk(2).values.T
    clear = first - second > 1e-5  # between others rounding decides
    assert clear.sum() > 100
    assert (found.argmax(1) == expected.argmax(1))[clear].all()
