"""`kinema backbones`: what can be named, filtered, measured."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from kinema.backbones.table import BACKBONES, backbone_spec
from kinema.cli.app import app
from kinema.errors import UsageError
from kinema.workflows.backbones import backbones

KEYS = [
    "name",
    "input",
    "size",
    "length",
    "dim",
    "parameters",
    "gflops",
    "accuracy",
    "measured_on",
    "licence",
]


def listed(*arguments: str) -> list[dict]:
    result = CliRunner().invoke(app, ["backbones", *arguments, "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_own_backbones_come_first_and_all_libraries_follow():
    rows = listed()
    assert [row["name"] for row in rows[: len(BACKBONES)]] == list(BACKBONES)
    assert {row["name"].partition("/")[0] for row in rows[len(BACKBONES) :]} == {
        "timm",
        "torchvision",
        "transformers",
    }
    assert all(list(row) == KEYS for row in rows)
    assert all(row["licence"] and row["dim"] > 0 for row in rows)
    assert len({row["name"] for row in rows}) == len(rows) > 1500


@pytest.mark.parametrize(
    ("kind", "some"),
    [
        (
            "clip",
            {
                "i3d_rgb",
                "torchvision/s3d",
                "torchvision/mvit_v2_s",
                "transformers/facebook/vjepa2-vitl-fpc64-256",
            },
        ),
        ("frame", {"vgg16", "timm/mobilenetv4_conv_small.e2400_r224_in1k", "torchvision/vit_b_16"}),
        ("flow", {"i3d_flow", "motion_cnn"}),
        ("sound", {"vggish", "yamnet"}),
    ],
)
def test_by_input(kind, some):
    names = {row["name"] for row in listed("--input", kind)}
    assert some <= names
    assert all(
        not some & {row["name"] for row in listed("--input", other)} for other in {"clip", "frame"} - {kind}
    )


def test_published_facts():
    (s3d,) = listed("torchvision/s3d")
    assert (s3d["accuracy"], s3d["measured_on"]) == (68.368, "Kinetics-400")
    (small,) = listed("timm/mobilenetv4_conv_small.e2400_r224_in1k")
    assert small["licence"] == "apache-2.0"
    assert 2.4e6 < small["parameters"] < 2.6e6  # 3.8 million less the classifier's 1.28
    assert small["dim"] == 1280
    assert 0.15 < small["gflops"] < 0.25


def test_the_list_is_cut_for_people_and_says_so():
    result = CliRunner().invoke(app, ["backbones", "timm/"])
    assert "more; narrow them down" in " ".join(result.stdout.split())


def test_speed_is_measured():
    (row,) = listed("small_cnn", "--measure")
    assert row["steps_per_second"] > 0


def test_wrong_calls():
    with pytest.raises(UsageError, match="unknown input 'video'; choose one of: frame, clip, flow, sound"):
        backbones(input="video")
    with pytest.raises(UsageError, match="no backbone clip named 'nothing'"):
        backbones("nothing", "clip")
    result = CliRunner().invoke(app, ["backbones", "timm/", "--measure"])
    assert isinstance(result.exception, UsageError)
    assert "name at most 12" in str(result.exception)


def test_listing_and_checking_import_no_library():
    code = (
        "import sys; from kinema.workflows.backbones import backbones; backbones()\n"
        "from kinema.recipe import load_recipe\n"
        "load_recipe('strong'); load_recipe('lite-plus')\n"
        "load_recipe('strong', ['streams.rgb.backbone=transformers/facebook/vjepa2-vitl-fpc64-256'])\n"
        "sys.exit(bool({'torch', 'timm', 'torchvision', 'transformers'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_stream_travels_to_workers_with_what_its_backbones_take():
    """Also of a model that only its library, or the hub, knows: a worker must not ask them."""
    import pickle

    from kinema.recipe import load_recipe

    stream = load_recipe("lite", ["streams.rgb.backbone=timm/test_resnet"]).streams["rgb"]
    code = (
        "import pickle, sys; stream = pickle.load(sys.stdin.buffer); view = stream.views[0]\n"
        "assert view.size == (160, 160), view\n"
        "sys.exit('timm' in sys.modules or 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(stream), check=False)
    assert done.returncode == 0
    assert backbone_spec("timm/test_resnet").input.size == (160, 160)
