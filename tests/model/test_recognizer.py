"""The trained half: losses against Keras and by hand, votes, separate stages, absent streams."""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import pytest
import torch
from torch.nn import functional as F

from kinema.errors import WorkError
from kinema.model.batch import SequenceBatch
from kinema.model.build import build_recognizer, trainable_parameters
from kinema.model.head import Output, loss, scores
from kinema.model.recognizer import JointRecognizer, Recognizer
from kinema.model.separate import SeparateRecognizer
from kinema.model.svm import LinearSVM
from kinema.recipe import Classifier, Recipe, load_recipe

DIMS = {"rgb": 4, "audio": 3}


def recipe(*streams: str, **parts: Any) -> Recipe:
    kinds: dict[str, Any] = {
        "rgb": {"input": "rgb", "sampling": {"kind": "uniform", "frames": 3}, "backbone": "mobilenet_v2"},
        "audio": {"input": "audio", "backbone": "yamnet"},
    }
    raw = {"name": "r", "streams": {s: kinds[s] for s in streams}, "temporal": {"units": 5}}
    return load_recipe(raw | parts)


def recognizer(*streams: str, **parts: Any) -> Recognizer:
    torch.manual_seed(0)
    return build_recognizer(recipe(*streams, **parts), {s: DIMS[s] for s in streams}, 3).eval()


def sequences(stream: str, lengths: list[int]) -> SequenceBatch:
    """Random steps; whatever lies behind a length is not zero, so that a leak would show."""
    generator = torch.Generator().manual_seed(len(stream))
    data = torch.randn(len(lengths), max(*lengths, 1), DIMS[stream], generator=generator)
    return SequenceBatch(data, torch.tensor(lengths))


def test_softmax_loss_by_hand() -> None:
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    expected = (-torch.log(torch.softmax(logits, 1)[0, 0]) - torch.log(torch.softmax(logits, 1)[1, 0])) / 2
    assert loss(Output(logits), torch.tensor([0, 0]), "softmax") == pytest.approx(float(expected))


def test_sigmoid_loss_is_keras_categorical_crossentropy() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(16, 5, generator=generator, dtype=torch.float64) * 2
    labels = torch.randint(0, 5, (16,), generator=generator)
    expected = keras.losses.categorical_crossentropy(
        F.one_hot(labels, 5).double(), torch.sigmoid(logits), from_logits=False
    )
    expected = torch.as_tensor(keras.ops.convert_to_numpy(expected)).mean()
    assert float(loss(Output(logits), labels, "sigmoid")) == pytest.approx(float(expected), abs=1e-6)


def test_sigmoid_loss_stays_finite_far_out() -> None:
    logits = torch.tensor([[-200.0, 300.0]], requires_grad=True)
    value = loss(Output(logits), torch.tensor([0]), "sigmoid")
    value.backward()
    assert torch.isfinite(value)
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_loss_of_steps_ignores_padding() -> None:
    logits, labels = torch.randn(2, 3, 4), torch.tensor([1, 2])
    lengths = torch.tensor([3, 1])
    steps = torch.cat([logits[0], logits[1, :1]])
    expected = F.cross_entropy(steps, torch.tensor([1, 1, 1, 2]))
    for garbage in (0.0, 1e6, float("nan")):
        logits[1, 1:] = garbage
        torch.testing.assert_close(loss(Output(logits, lengths), labels, "softmax"), expected)


def test_class_weights_in_the_loss() -> None:
    logits, labels = torch.zeros(2, 2), torch.tensor([0, 1])
    logits[0, 0] = 1.0
    losses = [float(F.cross_entropy(logits[i : i + 1], labels[i : i + 1])) for i in (0, 1)]
    found = loss(Output(logits), labels, "softmax", torch.tensor([3.0, 1.0]))
    assert float(found) == pytest.approx((3 * losses[0] + losses[1]) / 4)


def test_scores() -> None:
    logits = torch.tensor([[0.0, 2.0]])
    softmax = scores(Output(logits), Classifier())
    assert float(softmax.sum()) == pytest.approx(1.0)
    sigmoid = scores(Output(logits), Classifier(activation="sigmoid"))
    assert sigmoid[0].tolist() == pytest.approx([0.5, 0.880797])


def test_majority_and_mean_differ_where_they_must() -> None:
    """Two lukewarm steps of class 0 against one strong step of class 1; a padded step counts for nothing."""
    logits = torch.tensor([[[0.1, 0.0], [0.1, 0.0], [0.0, 9.0], [0.0, 50.0]]])
    output = Output(logits, torch.tensor([3]))
    assert scores(output, Classifier(per_step=True, vote="majority")).argmax() == 0
    mean = scores(output, Classifier(per_step=True, vote="mean"))
    assert mean.argmax() == 1
    torch.testing.assert_close(mean[0], torch.softmax(logits[0, :3], 1).mean(0))


def test_per_step_recogniser() -> None:
    parts = {"classifier": {"per_step": True, "vote": "mean"}, "temporal": {"units": 5, "pool": "none"}}
    model = recognizer("rgb", **parts)
    batch = {"rgb": sequences("rgb", [4, 2])}
    output = model(batch)
    assert output.logits.shape == (2, 4, 3)
    assert output.lengths is not None
    short = model({"rgb": SequenceBatch(batch["rgb"].data[1:, :2], batch["rgb"].lengths[1:])})
    torch.testing.assert_close(short.logits[0], output.logits[1, :2])
    steps = model.embeddings(batch)["rgb"]
    torch.testing.assert_close(model.embed(batch)[1], steps[1, :2].mean(0))


def test_absent_stream_leaves_the_other_alone() -> None:
    """Weighted average: a video without sound is scored by its pictures, whatever alpha is."""
    model = recognizer("rgb", "audio", fusion={"kind": "weighted_average", "alpha": 0.3})
    batch = {"rgb": sequences("rgb", [3, 3, 0]), "audio": sequences("audio", [2, 0, 2])}
    parts = model.embeddings(batch)
    found = model.embed(batch)
    torch.testing.assert_close(found[0], 0.3 * parts["rgb"][0] + 0.7 * parts["audio"][0])
    torch.testing.assert_close(found[1], parts["rgb"][1])
    torch.testing.assert_close(found[2], parts["audio"][2])
    torch.testing.assert_close(model(batch).logits, model.head(found))


def test_single_stream_needs_no_fusion() -> None:
    model = recognizer("rgb", fusion={"kind": "weighted_average"})
    assert model.fusion is None
    assert model({"rgb": sequences("rgb", [3, 1])}).logits.shape == (2, 3)


SEPARATE = {"fusion": {"kind": "concat_svm"}, "training": {"stages": "separate"}}


def test_separate_streams_meet_in_the_svm() -> None:
    model = recognizer("rgb", "audio", **SEPARATE)
    assert isinstance(model, SeparateRecognizer)
    batch = {"rgb": sequences("rgb", [3, 3]), "audio": sequences("audio", [2, 0])}
    output = model.stream_output("audio", batch["audio"])
    embedding = model.embeddings(batch)["audio"]
    torch.testing.assert_close(output.logits, model.heads["audio"](embedding))
    assert model.svm_input(batch).shape == (2, 5 + 5 + 2)
    assert model.svm_input(batch)[:, -2:].tolist() == [[1.0, 1.0], [1.0, 0.0]]
    assert model.embed(batch).shape == (2, model.embedding_size) == (2, 10)
    with pytest.raises(WorkError, match="not fitted; train"):
        model.class_scores(batch)
    weights, offsets = torch.randn(3, 12), torch.randn(3)
    margins = model.svm_input(batch) @ weights.t() + offsets
    model.svm = LinearSVM(weights, offsets)
    torch.testing.assert_close(model.class_scores(batch), margins)
    model.svm = LinearSVM(weights, offsets, torch.tensor(2.0))
    torch.testing.assert_close(model.class_scores(batch), (2 * margins).softmax(1))


def test_a_fresh_start_of_one_stream_leaves_the_other() -> None:
    model = recognizer("rgb", "audio", **SEPARATE)
    assert isinstance(model, SeparateRecognizer)
    before = {name: value.clone() for name, value in model.tensors().items()}
    model.start_afresh("audio")
    same = {name for name, value in model.tensors().items() if torch.equal(value, before[name])}
    assert {name for name in before if ".rgb." in name} <= same
    assert "streams.audio.temporal.stack.layers.0.0.kernel" not in same


FUSED = {"fusion": {"kind": "weighted_average"}}


@pytest.mark.parametrize("parts", [FUSED, SEPARATE], ids=["joint", "separate"])
def test_both_kinds_have_one_interface_and_their_state_reads_back(parts: dict[str, Any]) -> None:
    model, other = recognizer("rgb", "audio", **parts), recognizer("rgb", "audio", **parts)
    batch = {"rgb": sequences("rgb", [3, 0]), "audio": sequences("audio", [2, 2])}
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter))
    if isinstance(model, SeparateRecognizer):
        model.svm = LinearSVM(torch.randn(3, 12), torch.randn(3), torch.tensor(1.5))
        assert {"svm.weights", "svm.offsets", "svm.scale"} <= model.tensors().keys()
    other.load_tensors(model.tensors())
    assert torch.equal(other.class_scores(batch), model.class_scores(batch))
    assert model.class_scores(batch).shape == (2, model.classes)
    assert model.class_scores(batch).dtype == torch.float32
    torch.testing.assert_close(model.class_scores(batch).sum(1), torch.ones(2))
    assert torch.equal(other.embed(batch), model.embed(batch))
    assert model.embed(batch).shape == (2, model.embedding_size)
    for wrong in ({"rgb": torch.zeros(1)}, {**model.tensors(), "more": torch.zeros(1)}):
        with pytest.raises(ValueError, match="Error"):
            other.load_tensors(wrong)


def test_an_svm_of_another_size_is_refused() -> None:
    model = recognizer("rgb", "audio", **SEPARATE)
    state = {"weights": torch.zeros(3, 11), "offsets": torch.zeros(3)}
    with pytest.raises(ValueError, match="3 classes and 12 values"):
        model.load_tensors(model.tensors() | {f"svm.{name}": value for name, value in state.items()})


def test_joint_scores_are_the_heads_softmax() -> None:
    model = recognizer("rgb", "audio", **FUSED)
    assert isinstance(model, JointRecognizer)
    batch = {"rgb": sequences("rgb", [3, 1]), "audio": sequences("audio", [2, 0])}
    torch.testing.assert_close(model.class_scores(batch), model.head(model.embed(batch)).softmax(1))


def test_hidden_layer_and_count_of_parameters() -> None:
    """One bias vector a gate: the sum that the papers' counts rest on."""
    plain, hidden = recognizer("rgb"), recognizer("rgb", classifier={"hidden": 7})
    assert trainable_parameters(plain.streams) == 3 * (4 * 5 + 5 * 5 + 5)
    assert trainable_parameters(plain) - trainable_parameters(plain.streams) == 5 * 3 + 3
    assert trainable_parameters(hidden) - trainable_parameters(hidden.streams) == 5 * 7 + 7 + 7 * 3 + 3
