"""Each recipe's trainable parameters, worked out by hand from the paper's layers (one bias per gate)."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from kinema.cli.app import app
from kinema.model.build import count_parameters
from kinema.recipe import load_recipe, recipe_names
from kinema.shipped import recipe_list
from kinema.streams.augment import Augment


def gru(inputs: int, units: int) -> int:
    """Three gates, each with a kernel, a recurrent kernel and one bias."""
    return 3 * (inputs * units + units * units + units)


def lstm(inputs: int, units: int) -> int:
    """Four gates, each with a kernel, a recurrent kernel and one bias."""
    return 4 * (inputs * units + units * units + units)


def dense(inputs: int, units: int) -> int:
    return inputs * units + units


def vgg16_lstm(classes: int, units: int) -> int:
    return lstm(7 * 7 * 512, units) + dense(units, classes)


def dual_cnn_gru(classes: int, inputs: int = 1024 + 1536) -> int:
    return gru(inputs, 1000) + gru(1000, 1000) + dense(1000, classes)


def corehar(classes: int, inputs: int = 2048) -> int:
    encoder = dense(inputs, 1024) + dense(1024, 768) + dense(768, 512)
    both_ways = 2 * lstm(512, 512) + 2 * lstm(2 * 512, 512) + 2 * lstm(2 * 512, 512)
    return encoder + both_ways + dense(2 * 512, 256) + dense(256, classes)


CASES = [
    # Printed in the paper's Table 4: two streams, one dense layer on their weighted average, and alpha.
    ("i3d-gru", {}, 2_768_692, 2 * (gru(1024, 256) + gru(256, 256)) + dense(256, 51) + 1),
    (
        "i3d-gru",
        {"temporal.kind": "lstm"},
        3_687_220,
        2 * (lstm(1024, 256) + lstm(256, 256)) + dense(256, 51) + 1,
    ),
    (
        "i3d-gru",
        {"temporal.kind": "lstm", "temporal.layers": 1, "temporal.units": 512},
        6_321_716,
        2 * lstm(1024, 512) + dense(512, 51) + 1,
    ),
    # Derived from the paper's layers for its three data sets; the paper prints no counts.
    ("vgg16-lstm", {"data.classes": 6, "temporal.units": 360}, 36_648_726, vgg16_lstm(6, 360)),
    ("vgg16-lstm", {"data.classes": 11, "temporal.units": 320}, 32_527_051, vgg16_lstm(11, 320)),
    ("vgg16-lstm", {"data.classes": 51}, 40_802_851, vgg16_lstm(51, 400)),
    # 3 (2560*1000 + 1000*1000 + 1000) + 3 (1000*1000 + 1000*1000 + 1000) + 1000*101 + 101
    ("dual-cnn-gru", {}, 10_683_000 + 6_003_000 + 101_101, dual_cnn_gru(101)),
    ("dual-cnn-gru", {"data.classes": 51}, 10_683_000 + 6_003_000 + 51_051, dual_cnn_gru(51)),
    # Both directions: 2 * 10,683,000 + 2 * 3 (2000*1000 + 1000*1000 + 1000) + 2000*101 + 101
    ("dual-cnn-gru", {"temporal.bidirectional": "true"}, 21_366_000 + 18_006_000 + 202_101, None),
    # One backbone alone, as in the paper's Table II: the first term becomes 6,075,000 or 7,611,000.
    ("dual-cnn-gru", {"streams.rgb.backbone": "googlenet"}, 12_179_101, dual_cnn_gru(101, 1024)),
    ("dual-cnn-gru", {"streams.rgb.backbone": "inception_resnet_v2"}, 13_715_101, dual_cnn_gru(101, 1536)),
    # Encoder 2,098,176 + 787,200 + 393,728; bidirectional LSTM layers 4,198,400 + 6,295,552 + 6,295,552;
    # 1024*256 + 256 and 256*101 + 101 on every step.
    (
        "corehar",
        {},
        2_098_176 + 787_200 + 393_728 + 4_198_400 + 2 * 6_295_552 + 262_400 + 25_957,
        corehar(101),
    ),
    ("corehar", {"data.classes": 6, "streams.rgb.backbone": "mobilenet_v2"}, 19_546_118, corehar(6, 1280)),
]


@pytest.mark.parametrize(("name", "settings", "printed", "by_layers"), CASES)
def test_trainable_parameters(name, settings, printed, by_layers):
    counted = count_parameters(load_recipe(name, [f"{k}={v}" for k, v in settings.items()]))
    assert counted == printed
    assert by_layers in (None, printed)


@pytest.mark.parametrize("case", [CASES[0], CASES[3], CASES[6], CASES[11]], ids=lambda c: c[0])
def test_the_command_line_gives_the_same_count(case):
    name, settings, printed, _ = case
    settings_arguments = [a for k, v in settings.items() for a in ("--set", f"{k}={v}")]
    result = CliRunner().invoke(app, ["recipes", name, "--json", *settings_arguments])
    assert result.exit_code == 0, result.output
    facts = json.loads(result.output)
    assert facts["trainable_parameters"] == printed
    assert facts["paper_trainable_parameters"] == (printed if name == "i3d-gru" else None)


def test_a_count_that_no_paper_prints_is_not_called_the_papers():
    text = CliRunner().invoke(app, ["recipes", "vgg16-lstm"]).output
    assert "# trainable parameters: 40,802,851" in text
    assert "paper's count" not in text
    assert "# the paper's count:    2,768,692" in CliRunner().invoke(app, ["recipes", "i3d-gru"]).output


def test_dual_cnn_gru_is_the_papers():
    recipe = load_recipe("dual-cnn-gru")
    stream = recipe.streams["rgb"]
    assert stream.backbones == ("googlenet", "inception_resnet_v2")
    assert (stream.crop, stream.weights) == ("center", "imagenet")
    assert recipe.temporal.reset == "before"
    assert (recipe.temporal.bidirectional, recipe.temporal.pool) == (False, "last")
    assert (recipe.training.lr, recipe.training.epochs) == (1e-3, 30)


def test_corehar_is_the_papers():
    recipe = load_recipe("corehar")
    stream = recipe.streams["rgb"]
    assert stream.backbones == ("resnet152",)
    assert (stream.sampling.kind, stream.sampling.every) == ("jump", 4)
    assert stream.augment == Augment(rotate=5, crop="random", flip=0.5, copies=3)
    assert (recipe.classifier.per_step, recipe.classifier.vote) == (True, "majority")
    assert (recipe.training.optimizer, recipe.training.lr) == ("adam", 1e-3)
    assert (recipe.training.epochs, recipe.training.batch) == (120, 128)


def test_corehar_with_the_papers_other_optimizers():
    sgd = load_recipe("corehar", ["training.optimizer=sgd"]).training
    assert (sgd.optimizer, sgd.schedule) == ("sgd", None)
    overrides = ["training.optimizer=sgd", "training.schedule={kind: step, every: 30, factor: 0.1}"]
    stepped = load_recipe("corehar", overrides).training
    assert (stepped.schedule.kind, stepped.schedule.every, stepped.schedule.factor) == ("step", 30, 0.1)


def test_the_list_is_what_the_recipes_say():
    recipes = [load_recipe(name) for name in recipe_names()]
    said = [
        {"name": r.name, "summary": r.summary, "paper": r.paper.shown if r.paper else None} for r in recipes
    ]
    assert recipe_list() == said
