"""Recipes as data: read, overridden, refused with the key's path."""

from __future__ import annotations

import subprocess
import sys

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kinema.errors import UsageError
from kinema.recipe import changed, load_recipe, paper_count, recipe_names
from kinema.temporal import Gru, Lstm, Mean
from support.recipes import WITH_GRU

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
        (
            "streams.rgb.sampling.fpsx=3",
            r"unknown key 'streams\.rgb\.sampling\.fpsx' \(did you mean 'fps'\?\); allowed here: .*fps",
        ),
        ("speed=1", r"unknown key 'speed'; allowed here: .*streams"),
        ("temporal.units=0", r"temporal\.units: .*greater than or equal to 1, got 0"),
        (
            "temporal.cell=rnn",
            r"temporal\.kind: .*'attentive', 'gru', 'lstm', .*'tcn' or 'transformer', got 'rnn'",
        ),
        ("streams.rgb.sampling.kind=all", r"streams\.rgb\.sampling\.kind: .*'uniform', .*got 'all'"),
        ("streams.rgb.sampling={fps: 3}", r"streams\.rgb\.sampling\.kind: .*'uniform'"),
        ("temporal.alpha=1", r"unknown key 'temporal\.alpha'; allowed here: .*reset"),
        ("temporal.gru=1", r"unknown key 'temporal\.gru'; allowed here: .*reset"),
        ("temporal={kind: mean, units: 3}", r"unknown key 'temporal\.units'; allowed here: .*pool"),
        ("temporal={kind: gru, cell: lstm}", r"unknown key 'temporal\.cell'"),
        ("fusion={kind: average, alpha: 0.5}", r"unknown key 'fusion\.alpha'; allowed here: kind"),
        ("fusion={alpha: 0.5}", r"fusion\.kind: .*'average', 'bilinear', 'concat' or 'concat_svm'"),
        ("training.stages=separate", r"needs `fusion\.kind: concat_svm`"),
        ("encoder.layers=[3, 0]", r"encoder\.layers\.1: .*got 0"),
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
        load_recipe("lite", [WITH_GRU, override])
    assert "\n" not in str(caught.value)


def test_overrides_read_numbers_lists_and_scientific_notation():
    recipe = load_recipe(
        "lite",
        [WITH_GRU, "training.lr=1e-4", "streams.rgb.backbone=[googlenet, resnet152]", "temporal.dropout=0"],
    )
    assert recipe.training.lr == 1e-4
    assert recipe.streams["rgb"].backbones == ("googlenet", "resnet152")
    assert recipe.temporal.dropout == 0.0


@given(units=st.integers(1, 4096), epochs=st.integers(1, 500))
def test_any_valid_override_arrives(units, epochs):
    recipe = load_recipe("lite", [WITH_GRU, f"temporal.units={units}", f"training.epochs={epochs}"])
    assert (recipe.temporal.units, recipe.training.epochs) == (units, epochs)


def test_a_stream_is_left_out_by_null():
    assert set(load_recipe("i3d-gru", ["streams.rgb=null"]).streams) == {"flow"}
    with pytest.raises(UsageError, match="streams"):
        load_recipe("lite", ["streams.rgb=null"])


def test_unknown_recipes_and_unreadable_files_say_what_there_is(tmp_path):
    with pytest.raises(
        UsageError, match=r"unknown recipe 'i3d' \(did you mean 'i3d-gru'\?\); choose one of .*i3d-gru"
    ):
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


def test_cell_is_the_older_name_of_kind(tmp_path):
    lstm = load_recipe("lite", [WITH_GRU, "temporal.kind=lstm"])
    assert lstm.temporal == Lstm(units=128, pool="mean", dropout=0.3)
    assert load_recipe("lite", [WITH_GRU, "temporal.cell=lstm"]) == lstm
    assert load_recipe("lite", ["temporal={cell: mean, pool: mean}"]).temporal == Mean(pool="mean")
    raw = load_recipe("lite").model_dump(mode="json")
    assert load_recipe(raw | {"temporal": {"cell": "lstm", "units": 3}}).temporal == Lstm(units=3)
    assert load_recipe(raw | {"temporal": {"units": 3}}).temporal == Gru(units=3)
    path = tmp_path / "old.yaml"
    path.write_text(yaml.safe_dump(raw | {"temporal": {"cell": "gru", "reset": "before"}}), encoding="utf-8")
    assert load_recipe(path).temporal == Gru(reset="before")


@pytest.mark.parametrize("kind", ["temporal.kind=lstm", "temporal.cell=lstm"])
def test_another_kind_drops_the_keys_that_only_the_old_one_has(kind):
    assert load_recipe("i3d-gru", [kind]).temporal == Lstm(layers=2, units=256)
    assert load_recipe("i3d-gru", ["temporal.units=8", kind]).temporal == Lstm(layers=2, units=8)
    with pytest.raises(UsageError, match=r"unknown key 'temporal\.reset'; allowed here: activation"):
        load_recipe("i3d-gru", ["temporal.reset=after", kind])
    assert load_recipe("i3d-gru", ["temporal.kind=mean"]).temporal == Mean()


def test_another_kind_of_fusion_and_sampling():
    recipe = load_recipe("i3d-gru", ["fusion.kind=average"])
    assert recipe.fusion.model_dump() == {"kind": "average"}
    with pytest.raises(UsageError, match=r"unknown key 'fusion\.alpha'; allowed here: kind"):
        load_recipe("i3d-gru", ["fusion.kind=average", "fusion.alpha=0.5"])
    jump = load_recipe("lite", ["streams.rgb.sampling.kind=jump", "streams.rgb.sampling.every=4"])
    assert jump.streams["rgb"].sampling.model_dump() == {"kind": "jump", "every": 4, "max_frames": None}
    with pytest.raises(UsageError, match=r"streams\.rgb\.sampling\.every: Field required"):
        load_recipe("lite", ["streams.rgb.sampling.kind=jump"])


def test_a_stream_that_is_left_out_takes_its_own_statistics_with_it():
    recipe = load_recipe("lite-motion", ["streams.motion=null"])
    assert list(recipe.streams) == ["rgb"]
    assert recipe.temporal.named_streams == {}


def test_products_of_streams_need_a_closed_form():
    with pytest.raises(UsageError, match=r"bilinear` needs `temporal\.kind: moments`; use concat"):
        load_recipe("lite-motion", ["temporal={kind: gru}"])


def test_a_key_that_no_kind_knows_is_not_dropped_with_the_old_kinds():
    raw = load_recipe("lite").model_dump(mode="json") | {"temporal": {"unit": 3}}
    with pytest.raises(UsageError, match=r"unknown key 'temporal\.unit'"):
        load_recipe(raw, ["temporal.kind=lstm"])


@pytest.mark.parametrize(
    ("overrides", "cure"),
    [
        (["fusion.kind=average"], "fusion.kind: concat"),
        (["encoder.layers=[8]"], "leave `encoder` out"),
        (["classifier.activation=sigmoid"], "classifier.activation: softmax"),
        (["classifier.hidden=8"], "without `hidden`"),
        (["temporal.statistics_of={moton: [mean]}"], r"no stream: moton; did you mean 'motion'.*rgb, motion"),
        (["streams.rgb.train_blocks=1"], "training.backbone.unit: clip"),
        (
            ["streams.rgb.augment={flip: 0.5, on_the_fly: true}", "streams.motion=null", "fusion=null"],
            "copies",
        ),
    ],
)
def test_what_a_closed_form_cannot_be_joined_with_is_refused_with_a_cure(overrides, cure):
    with pytest.raises(UsageError, match=cure) as caught:
        load_recipe("lite-motion", overrides)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "cure"),
    [
        (["streams.rgb.augment={flip: 0.5, on_the_fly: true}"], "leave `copies` and `on_the_fly` out"),
        (["streams.rgb.augment={flip: 0.5, copies: 2}"], "leave `copies` and `on_the_fly` out"),
        (["training.backbone.unit=video"], "training.backbone.unit: clip"),
        (["training.val_fraction=0.2"], "leave `keep`"),
    ],
)
def test_what_a_timeline_cannot_be_joined_with_is_refused_with_a_cure(overrides, cure):
    with pytest.raises(UsageError, match=cure) as caught:
        load_recipe("tiny-timeline", overrides)
    assert "\n" not in str(caught.value)


def test_changed_sets_values_and_validates():
    recipe = load_recipe("i3d-gru")
    new = changed(recipe, {"streams.rgb.weights": "none", "data.classes": 7, "streams.flow": None})
    assert (new.streams["rgb"].weights, new.data.classes, list(new.streams)) == ("none", 7, ["rgb"])
    assert changed(recipe, {}) == recipe
    assert changed(recipe, {"temporal.kind": "lstm"}).temporal == Lstm(layers=2, units=256)
    # A value is itself, never YAML: "1e-3" stays a name, "null" leaves nothing out.
    assert changed(recipe, {"name": "1e-3"}).name == "1e-3"
    with pytest.raises(UsageError, match=r"data\.classes: .*got 1"):
        changed(recipe, {"data.classes": 1})
    with pytest.raises(UsageError, match="streams"):
        changed(recipe, {"streams.rgb": None, "streams.flow": None})


def test_plain_data_is_read_without_a_change_to_it():
    raw = {
        "name": "mine",
        "streams": load_recipe("lite").model_dump()["streams"],
        "temporal": {"cell": "lstm"},
    }
    recipe = load_recipe(raw, ["temporal.units=4", "streams.rgb.weights=none"])
    assert (recipe.temporal.units, recipe.streams["rgb"].weights) == (4, "none")
    assert raw["temporal"] == {"cell": "lstm"}
    assert raw["streams"]["rgb"]["weights"] == "imagenet"


def test_papers_counts_belong_to_exactly_their_network():
    def found(*overrides):
        return paper_count(load_recipe("i3d-gru", overrides))

    assert found() == 2768692
    assert found("temporal.cell=lstm") == 3687220
    assert found("temporal.kind=lstm", "temporal.layers=1", "temporal.units=512") == 6321716
    assert found("training.epochs=3", "streams.rgb.weights=none", "streams.rgb.sampling.length=10") == 2768692
    for other in (
        "temporal.units=128",
        "data.classes=101",
        "streams.flow=null",
        "temporal.bidirectional=true",
        "temporal.attention=true",
        "encoder.layers=[64]",
        "classifier.hidden=64",
        "fusion.kind=concat",
        "fusion.alpha=0.5",
        "streams.rgb.backbone=[i3d_rgb, i3d_rgb]",
    ):
        assert found(other) is None, other


@pytest.mark.parametrize("name", sorted(set(recipe_names()) - {"i3d-gru"}))
def test_papers_that_print_no_count_have_none(name):
    assert paper_count(load_recipe(name)) is None
    assert paper_count(load_recipe(load_recipe(name).model_dump() | {"name": "mine"})) is None


def test_recipes_are_read_without_torch():
    code = "import sys, kinema.recipe as r; r.load_recipe('three-stream'); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("overrides", "motion"),
    [
        ([], "flownet2"),
        (["streams.flow.method=tvl1"], "tvl1"),
        (["streams.flow=null", "streams.audio=null"], "flownet2"),
        (["streams.rgb.sampling.motion=difference"], "difference"),
    ],
)
def test_adaptive_sampling_names_the_flow_that_it_goes_by(overrides, motion):
    """A spatial stream alone keeps the method that its sampling was given."""
    recipe = load_recipe("three-stream", overrides)
    assert recipe.streams["rgb"].sampling.motion == motion
    assert load_recipe(recipe, ["data.classes=7"]).streams["rgb"].sampling.motion == motion


def test_motion_of_no_flow_stream_is_refused():
    stream = {"input": "rgb", "backbone": "mobilenet_v2"}
    stream["sampling"] = {"kind": "adaptive", "frames": 3, "seconds": 3, "motion": "flow"}
    with pytest.raises(UsageError, match=r"streams\.rgb\.sampling\.motion.*tvl1.*difference"):
        load_recipe({"name": "alone", "streams": {"rgb": stream}})
