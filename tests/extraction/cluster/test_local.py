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
from support.buckets import Bucket
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


@pytest.mark.slow
def test_from_a_bucket_to_a_bucket(tmp_path: Path, clips_of: Callable[[Path, int], Path], s3: Bucket) -> None:
    """The machines fetch the videos themselves; features come back, and are packed as by one machine."""
    s3.put_tree(clips_of(tmp_path / "videos", 4), "videos")
    here = Resources(weights="none", features=f"{s3.url}/here", device="cpu")
    extract_dataset(f"{s3.url}/videos", recipe="lite", overrides=SETTINGS, layout="folder", resources=here)
    command = [sys.executable, "-m", "kinema", "extract", f"{s3.url}/videos", *OPTIONS, "--device", "cpu"]
    ran = subprocess.run(
        [*command, "--features", f"{s3.url}/ray", "--cluster", "local", "--json"],
        env=os.environ | ENVIRONMENT | {"KINEMA_BUCKETS": str(tmp_path / "another machine's")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    facts = json.loads(ran.stdout)
    assert (facts["streams"]["rgb"]["extracted"], facts["quarantined"]) == (4, 1)
    stored = [{name.split("/", 1)[1]: s3.get(name) for name in s3.names(side)} for side in ("here", "ray")]
    for side in stored:
        side.pop("digests.sqlite")  # in which the order differs
    assert stored[0] == stored[1]
    assert sum(name.endswith(".arrow") for name in stored[0]) == 1
