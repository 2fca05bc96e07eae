"""Fixtures shared by all tests."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

import kinema  # noqa: F401  # ahead of torch, whose waiting threads would spin beside the other processes

if TYPE_CHECKING:
    from support.buckets import S3, Bucket

# A busy machine must not fail a test that is right.
settings.register_profile("kinema", deadline=None)
settings.load_profile("kinema")

# Networks that tests compile are no user's; the processes of one session share them.
if "XDG_CACHE_HOME" not in os.environ:
    os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="kinema-tests-")
    atexit.register(shutil.rmtree, os.environ["XDG_CACHE_HOME"], ignore_errors=True)

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The optional folder of real clips, split lists and small weights (`KINEMA_TEST_DATA`)."""
    folder = (ROOT / os.environ.get("KINEMA_TEST_DATA", "../shared")).resolve()
    if not (folder / "data").is_dir():
        pytest.skip(f"no real data at {folder}; set KINEMA_TEST_DATA to a folder that has it")
    return folder


@pytest.fixture(scope="session")
def ucf_clips(shared_data: Path) -> Path:
    """Root of the six-class UCF101 subset, official lists included."""
    return shared_data / "data" / "ucf101_6"


@pytest.fixture(scope="session")
def hockey_clips(shared_data: Path) -> Path:
    """Root of the hockey fight clips: train and test folders, two classes, with sound."""
    return shared_data / "data" / "hockey"


@pytest.fixture(scope="session")
def tiny_videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """annotations.csv of twelve one-second clips: two classes that sound separates, one that a frame does."""
    from kinema.datasets.synthetic import make_synthetic

    classes = ("strike_bell", "strike_drum", "waving")
    folder = tmp_path_factory.mktemp("tiny") / "videos"
    return make_synthetic(
        folder, actors=4, clips_per_actor=1, classes=classes, seconds=1.0, fps=10, width=64, height=48
    )


@pytest.fixture(scope="session")
def tiny_run(tiny_videos: Path) -> Path:
    """A run of rgb and sound with random backbones, trained for two epochs; its features lie beside it."""
    from kinema.resources import Resources
    from kinema.workflows.train import train

    recipe = {
        "name": "tiny",
        "streams": {
            "rgb": {
                "input": "rgb",
                "sampling": {"kind": "windows", "length": 3, "stride": 5},
                "backbone": "small_cnn",
            },
            "audio": {"input": "audio", "backbone": "yamnet"},
        },
        "temporal": {"kind": "gru", "units": 8},
        "fusion": {"kind": "concat"},
        "training": {"epochs": 2, "lr": 0.01},
    }
    folder = tiny_videos.parent.parent
    resources = Resources(weights="none", features=folder / "features", workers=1, device="cpu")
    return train(tiny_videos, recipe=recipe, out=folder / "run", resources=resources).run


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3]:
    """An S3 server on loopback."""
    from support.buckets import S3

    server = S3()
    yield server
    server.close()


@pytest.fixture
def s3(s3_server: S3, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Bucket]:
    """A bucket of the test's own, and a cache of its own."""
    from support.buckets import bucket

    with bucket(s3_server, monkeypatch, tmp_path / "buckets") as found:
        yield found
