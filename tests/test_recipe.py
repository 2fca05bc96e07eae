"""Recipes as data: read, overridden, refused with the key's path."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kinema.errors import UsageError
from kinema.recipe import load_recipe, recipe_names

FIVE = {"i3d-gru", "dual-cnn-gru", "vgg16-lstm", "corehar", "three-stream"}


def test_the_five_papers_and_our_default_ship_with_the_package():
    assert FIVE | {"lite"} <= set(recipe_names())


@pytest.mark.parametrize("name", recipe_names())
def test_a_resolved_recipe_reads_back_as_itself(name):
    recipe = load_recipe(name)
    assert recipe.name == name
    assert load_recipe(yaml.safe_load(recipe.to_yaml())) == recipe


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("streams.rgb.foo=1", r"unknown key 'streams\.rgb\.foo'; allowed here: .*backbone"),
        ("streams.rgb.sampling.fpsx=3", r"unknown key 'streams\.rgb\.sampling\.fpsx'; allowed here: .*fps"),
        ("speed=1", r"unknown key 'speed'; allowed here: .*streams"),
        ("temporal.units=0", r"temporal\.units: .*greater than or equal to 1, got 0"),
        ("temporal.cell=rnn", r"temporal\.cell: .*'gru', 'lstm' or 'mean', got 'rnn'"),
        ("streams.rgb.sampling.kind=all", r"streams\.rgb\.sampling: .*'uniform'"),
        ("temporal.units", r"write it as key\.path=value"),
        ("temporal.units.x=1", r"'units' is a value, not a section"),
        ("temporal.pool=none", r"per_step.*pool: none.* go together"),
        ("classifier.vote=majority", r"`classifier\.vote`"),
        ("training.nesterov=true", r"`nesterov` needs optimizer: sgd"),
        ("fusion.kind=concat_svm", r"needs `training\.stages: separate`"),
    ],
)
def test_a_wrong_value_is_refused_with_its_path_and_a_cure(override, message):
    with pytest.raises(UsageError, match=message) as caught:
        load_recipe("lite", [override])
    assert "\n" not in str(caught.value)


def test_overrides_read_numbers_lists_and_scientific_notation():
    recipe = load_recipe(
        "lite", ["training.lr=1e-4", "streams.rgb.backbone=[googlenet, resnet152]", "temporal.dropout=0"]
    )
    assert recipe.training.lr == 1e-4
    assert recipe.streams["rgb"].backbones == ("googlenet", "resnet152")
    assert recipe.temporal.dropout == 0.0


@given(units=st.integers(1, 4096), epochs=st.integers(1, 500))
def test_any_valid_override_arrives(units, epochs):
    recipe = load_recipe("lite", [f"temporal.units={units}", f"training.epochs={epochs}"])
    assert (recipe.temporal.units, recipe.training.epochs) == (units, epochs)


def test_a_stream_is_left_out_by_null():
    assert set(load_recipe("i3d-gru", ["streams.rgb=null"]).streams) == {"flow"}
    with pytest.raises(UsageError, match="streams"):
        load_recipe("lite", ["streams.rgb=null"])


def test_unknown_recipes_and_unreadable_files_say_what_there_is(tmp_path):
    with pytest.raises(UsageError, match=r"unknown recipe 'i3d'; choose one of .*i3d-gru"):
        load_recipe("i3d")
    with pytest.raises(UsageError, match="cannot read recipe file"):
        load_recipe(tmp_path / "absent.yaml")
    broken = tmp_path / "broken.yaml"
    broken.write_text("streams: [", encoding="utf-8")
    with pytest.raises(UsageError, match="not valid YAML"):
        load_recipe(broken)


def test_a_file_is_a_recipe(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(load_recipe("lite").to_yaml().replace("name: lite", "name: mine"), encoding="utf-8")
    assert load_recipe(path).name == "mine"


def test_papers_counts_belong_to_exactly_their_setting():
    assert load_recipe("i3d-gru").paper_count == 2768692
    assert load_recipe("i3d-gru", ["temporal.cell=lstm"]).paper_count == 3687220
    assert load_recipe("i3d-gru", ["temporal.units=128"]).paper_count is None
    assert load_recipe("i3d-gru", ["data.classes=101"]).paper_count is None
