"""The package of docs/plugins.md, installed from that page, at work; and packages that are broken."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kinema.datasets import load_dataset
from kinema.plugins import GROUPS, plugin_names

PAGE = Path(__file__).resolve().parent.parent / "docs" / "plugins.md"


def run(code: str, site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(site), *(p for p in sys.path if p)])
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """A folder of installed packages that holds the page's own."""
    pytest.importorskip("setuptools", reason="the example is built with setuptools")
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("site")
    files = re.findall(r"^`([\w./]+\.\w+)`.*?^```\w+\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    assert len(files) == 6
    for name, text in files:
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_text(text)
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--no-build-isolation",
    ]
    subprocess.run([*pip, "--target", str(target), str(source)], check=True)
    return target


def test_the_example_trains_and_predicts(site, tiny_videos, tmp_path):
    videos = tmp_path / "videos"
    videos.mkdir()
    for i, record in enumerate(load_dataset(tiny_videos).records):
        shutil.copy(record.path, videos / f"{record.label}-{i}.mp4")
    code = """
import json, sys
import kinema
from kinema.resources import Resources
recipe = {"name": "colours", "streams": {"rgb": {"input": "rgb", "sampling": {"kind": "jump", "every": 3},
          "backbone": "mean_colour"}}, "temporal": {"kind": "last_step"}, "training": {"epochs": 2},
          "protocol": {"kind": "split"}}
from kinema.workflows.train import train
from kinema.workflows.context import TrainOptions
from kinema.inference.load import load
resources = Resources(weights="none", features=sys.argv[2] + "/features", workers=1, device="cpu")
result = train(sys.argv[1], recipe=recipe, out=sys.argv[2] + "/run", resources=resources,
               options=TrainOptions(layout="by_prefix"))
run = load(result.run, resources)
video = run.folder.parent.parent / "videos"
print(json.dumps([result.metrics["n_test"], run.labels, run.streams["rgb"].dim]))
"""
    done = run(code, site, str(videos), str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    n_test, labels, dim = json.loads(done.stdout.splitlines()[-1])
    assert n_test > 0
    assert labels == ["strike_bell", "strike_drum", "waving"]
    assert dim == 27


def test_the_example_is_named_wherever_its_kinds_are(site):
    code = """
import numpy as np
from kinema.backbones.table import backbone_names, feature_dim
from kinema.datasets import LAYOUTS
from kinema.flow.methods import describe_method, load_method
from kinema.recipe import load_recipe
assert "mean_colour" in backbone_names() and feature_dim("mean_colour") == 27
assert list(LAYOUTS)[-2:] == ["by_prefix", "folder"]
frames = [np.full((4, 5), value, np.uint8) for value in (10, 30, 20)]
fields = list(load_method("brightness").fields(frames))
assert [f.shape for f in fields] == [(2, 4, 5)] * 2
assert [float(f[0, 0, 0]) for f in fields] == [20.0, -10.0]
assert describe_method("brightness") == {"method": "brightness", "version": 1}
flow = load_recipe("i3d-gru", ["streams.flow.method=brightness", "temporal.kind=last_step"])
assert flow.temporal.scale == 1.0 and flow.streams["flow"].method == "brightness"
"""
    done = run(code, site)
    assert done.returncode == 0, done.stderr


def test_a_broken_package_is_named_and_the_rest_works(tmp_path):
    info = tmp_path / "broken-2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 2.0\n")
    points = "".join(f"[kinema.{group}]\nbad = absent_module\n" for group in GROUPS)
    (info / "entry_points.txt").write_text(points)
    code = """
import warnings
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    from kinema.recipe import load_recipe
    from kinema.datasets import LAYOUTS
from kinema.backbones.table import backbone_spec
from kinema.errors import UsageError
load_recipe("lite")
assert "bad" not in LAYOUTS
try:
    backbone_spec("bad")
except UsageError as error:
    print(error)
print(len([t for t in told if "'bad' of package broken 2.0" in str(t.message)]))
"""
    done = run(code, tmp_path)
    assert done.returncode == 0, done.stderr
    message, told = done.stdout.splitlines()
    assert message == (
        "the plugin 'bad' of package broken 2.0 cannot be loaded (ModuleNotFoundError: "
        "No module named 'absent_module'); update or uninstall that package"
    )
    assert told == "2"  # the tables that are needed whole: temporal models and layouts


def test_nothing_is_declared_here():
    assert all(name not in plugin_names("backbones") for name in ("mean_colour", "bad"))
