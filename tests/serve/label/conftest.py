"""The label page's server over a few long synthetic videos, one of which browsers do not play."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from kinema.labelling.label_file import LabelFile
from kinema.labelling.session import Session
from kinema.labelling.videos import videos_of
from kinema.resources import Resources
from kinema.serve.decoders import Decoders
from kinema.serve.label.app import Desk, create_label_app
from kinema.serve.label.looking import Looking
from kinema.serve.limits import Limits
from kinema.serve.messages import Opening
from support.serving import served


@pytest.fixture(scope="session")
def decoders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Decoders]:
    found = Decoders(Opening({}, Resources(), Limits(), tmp_path_factory.mktemp("scratch")))
    yield found
    found.close()


@pytest.fixture
def labels(tmp_path: Path, long_set: Path) -> Path:
    shutil.copytree(long_set, tmp_path / "set")
    return tmp_path / "labels.csv"


@pytest.fixture
def client(labels: Path, decoders: Decoders) -> Iterator[httpx.Client]:
    session = Session(videos_of(labels.parent / "set", labels), LabelFile(labels))
    desk = Desk(session, Looking(decoders), (), 0.125)
    with served(create_label_app(desk)) as url, httpx.Client(base_url=url, timeout=60) as found:
        yield found
