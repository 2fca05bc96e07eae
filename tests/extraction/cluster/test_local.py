"""`--cluster local`: Ray on this machine gives the store of this machine alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kinema.resources import Resources
from kinema.workflows.extract import extract_dataset
from support.ray_clips import OPTIONS, SETTINGS
from support.ray_cluster import ENVIRONMENT, tree

pytest.importorskip("ray", reason="Ray is not installed; pip install 'ray[client]'")


def test_the_store_is_that_of_this_machine(tmp_path: Path, clips_of: Callable[[Path, int], Path]) -> None:
    data = clips_of(tmp_path / "videos", 4)
    here = Resources(weights="none", features=tmp_path / "here", device="cpu")
    extract_dataset(data, recipe="lite", overrides=SETTINGS, layout="folder", resources=here)
    command = [sys.executable, "-m", "kinema", "extract", "videos", *OPTIONS, "--device", "cpu", "--json"]
    ran = subprocess.run(
        [*command, "--features", "ray", "--cluster", "local"],
        cwd=tmp_path,  # whose name means nothing to Ray's processes
        env=os.environ | ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    facts = json.loads(ran.stdout)
    assert facts["streams"]["rgb"]["extracted"] == 4
    assert facts["quarantined"] == 1
    assert tree(tmp_path / "ray") == tree(tmp_path / "here")
