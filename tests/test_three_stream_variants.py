"""The recurrent variants of the three-stream paper's Table I: all reachable from the recipe by --set."""

from __future__ import annotations

import itertools

import pytest
import torch

from kinema.model.batch import SequenceBatch
from kinema.model.build import build_recognizer, count_parameters, stream_dims
from kinema.model.separate import SeparateRecognizer
from kinema.recipe import load_recipe

ONE_STREAM = ["streams.flow=null", "streams.audio=null"]
SOFTMAX = ["fusion=null", "training.stages=joint"]
VARIANTS = [
    *itertools.product(("lstm", "gru"), (1, 2), (False, True), (256, 512, 1024, 2048), (False,)),
    *itertools.product(("lstm", "gru"), (2,), (True,), (512,), (True,)),
]


@pytest.mark.parametrize("head", [[], SOFTMAX], ids=["svm", "softmax"])
@pytest.mark.parametrize(("cell", "layers", "both", "units", "attention"), VARIANTS)
def test_every_variant_builds(
    head: list[str], cell: str, layers: int, both: bool, units: int, attention: bool
) -> None:
    settings = {
        "cell": cell,
        "layers": layers,
        "bidirectional": str(both).lower(),
        "units": units,
        "attention": str(attention).lower(),
    }
    overrides = [f"temporal.{key}={value}" for key, value in settings.items()]
    recipe = load_recipe("three-stream", [*ONE_STREAM, *head, *overrides])
    with torch.device("meta"):
        model = build_recognizer(recipe, stream_dims(recipe), 101)
    assert model.embedding_size == units * (2 if both else 1)
    gates, inputs, sides = {"gru": 3, "lstm": 4}[cell], 1536, 2 if both else 1
    expected = 0
    for _ in range(layers):
        expected += sides * gates * (inputs * units + units * units + units)
        inputs = sides * units
    expected += inputs * 101 + 101 + (1536 + 1 if attention else 0)
    assert count_parameters(recipe) == expected


@pytest.mark.parametrize("overrides", [[], ["temporal.attention=true"], ["temporal.kind=lstm"]])
def test_one_stream_gives_scores_or_svm_input(overrides: list[str]) -> None:
    small = [*ONE_STREAM, "temporal.units=4", *overrides]
    dims = {"rgb": 1536}
    batch = {"rgb": SequenceBatch(torch.randn(3, 5, 1536), torch.tensor([5, 2, 1]))}
    softmax = build_recognizer(load_recipe("three-stream", [*small, *SOFTMAX]), dims, 7).eval()
    assert softmax(batch).logits.shape == (3, 7)
    svm = build_recognizer(load_recipe("three-stream", small), dims, 7).eval()
    assert isinstance(svm, SeparateRecognizer)
    assert svm.svm_input(batch).shape == (3, 9)  # two directions of four units, and the presence flag
    assert torch.equal(svm.svm_input(batch)[:, :8], svm.embed(batch))


def test_three_streams_give_the_papers_3072_values() -> None:
    recipe = load_recipe("three-stream")
    with torch.device("meta"):
        assert build_recognizer(recipe, stream_dims(recipe), 101).embedding_size == 3072
