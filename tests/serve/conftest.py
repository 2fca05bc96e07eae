"""The tiny run as a server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from kinema.inference.load import load
from kinema.inference.predictor import LoadedRun
from kinema.resources import Resources
from kinema.serve.app import create_app
from kinema.serve.guard import Access
from kinema.serve.limits import Limits
from kinema.serve.scratch import Scratch
from kinema.serve.service import Service, Shelf
from support.labelling import LONG_STREAM, long_videos
from support.live import taught
from support.serving import served


@pytest.fixture(scope="session")
def loaded(tiny_run: Path) -> LoadedRun:
    return load(tiny_run, Resources(weights="none", device="cpu"))


@pytest.fixture(scope="session")
def long_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four long videos; browsers do not play the last."""
    return long_videos(tmp_path_factory.mktemp("long"))


@pytest.fixture(scope="session")
def taught_run(long_set: Path) -> LoadedRun:
    """A run of `--task timeline`."""
    return taught(LONG_STREAM, sorted(long_set.glob("*.mp4"))[0])


@pytest.fixture(scope="session")
def clips(tiny_videos: Path) -> list[Path]:
    return sorted(tiny_videos.parent.rglob("*.mp4"))


@pytest.fixture(scope="session")
def shelf(tiny_run: Path, tiny_videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """Embeddings of the tiny videos, a detector fitted on them, and their folder as root."""
    from kinema.anomaly.detector import load_detector
    from kinema.workflows.anomaly import AnomalyOptions, fit_anomaly
    from kinema.workflows.embed import embed_dataset

    folder = tmp_path_factory.mktemp("shelf")
    resources = Resources(weights="none", features=tiny_run.parent / "features", device="cpu")
    embed_dataset(tiny_run, tiny_videos, folder / "v.parquet", resources=resources)
    fit_anomaly(tiny_run, tiny_videos, folder / "detector", options=AnomalyOptions(), resources=resources)
    return Shelf(load_detector(folder / "detector"), folder / "v.parquet", tiny_videos.parent)


@pytest.fixture(scope="session")
def service(loaded: LoadedRun, shelf: Shelf, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """With limits that are met by clips of seconds: 4 s, 0.1 megapixels, 2 MB; two at work, two may wait."""
    limits = Limits(upload_mb=2, video_seconds=4, megapixels=0.1, waiting=2, webcams=1)
    scratch = Scratch(tmp_path_factory.mktemp("scratch"))
    with Service(loaded, scratch, limits=limits, shelf=shelf, workers=2) as found:
        yield found


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    return Scratch(tmp_path_factory.mktemp("uploads"))


@pytest.fixture(scope="session")
def url(service: Service, scratch: Scratch) -> Iterator[str]:
    with served(create_app(service, scratch, Access())) as found:
        yield found


@pytest.fixture
def client(url: str, scratch: Scratch) -> Iterator[httpx.Client]:
    """A client; when the test is over no upload is left."""
    with httpx.Client(base_url=url, timeout=60) as found:
        yield found
    assert list(scratch.folder.iterdir()) == []
