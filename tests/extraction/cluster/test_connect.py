"""Clusters that are not there: one line within seconds, and nothing is started."""

from __future__ import annotations

import socket

import pytest
from typer.testing import CliRunner

from kinema.cli.app import app
from kinema.errors import UsageError
from kinema.extraction.cluster import connect
from kinema.extraction.cluster.connect import check_address, connected


@pytest.mark.parametrize(
    "address", ["", "remote", "ray://host", "10.0.0.1:6379", "http://host:1", "ray://h:1x"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="is none of auto, local or ray://HOST:PORT"):
        check_address(address)


def test_without_ray_there_is_a_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'ray\[client\]'"):
        check_address("auto")


def test_nobody_answers() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(UsageError, match=f"no Ray cluster answers at ray://127.0.0.1:{port}"):
        next(iter(connected(f"ray://127.0.0.1:{port}").gen))


def test_another_version_is_named() -> None:
    said = (
        "Version mismatch: The cluster was started with:\n    Ray: 2.40.0\n    Python: 3.12.1\n"
        "This process on Ray Client was started with:\n    Ray: 2.60.0\n    Python: 3.11.9\n"
    )
    found = connect._why("ray://head:10001", RuntimeError(said))
    assert found == (
        "the cluster has Ray 2.40.0 with Python 3.12.1, and this machine Ray 2.60.0 with Python 3.11.9; "
        "install the same versions"
    )


@pytest.mark.parametrize(
    "words",
    [
        ("extract", "videos", "--cluster", "nonsense"),
        ("predict", "run", "clip.mp4", "--cluster", "local"),
    ],
)
def test_the_command_line_refuses_at_once(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, words)
    assert isinstance(result.exception, UsageError)
    assert "--cluster" in str(result.exception)
