"""What goes wrong with a bucket, in one line with the cure; what passes is tried again."""

from __future__ import annotations

import sys

import pytest

from kinema.buckets import as_path, local, system
from kinema.buckets.listing import forget
from kinema.buckets.system import told
from kinema.errors import BucketError, UsageError, WorkError
from support.buckets import Bucket, forget_systems


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses between tries double, from a second at most."""
    monkeypatch.setattr(system, "TRIES", 2)


def test_a_busy_bucket_is_asked_again(s3: Bucket):
    s3.put("a", b"x")
    answers = iter(["503 Slow Down"])
    s3.server.fault = lambda method, path: next(answers, None)
    assert local(as_path(f"{s3.url}/a")).read_bytes() == b"x"


def test_a_bucket_that_stays_busy_is_given_up_on(s3: Bucket):
    s3.put("a", b"x")
    s3.server.fault = lambda method, path: "503 Slow Down"
    with pytest.raises(BucketError, match=rf"{s3.url} does not answer .*, tried 2 times; check"):
        as_path(f"{s3.url}/a").exists()
    assert s3.server.counted("HEAD", "/a") == 2


def test_a_bucket_that_is_not_there_at_all(s3: Bucket, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    forget_systems()
    with pytest.raises(BucketError, match=r"does not answer .*127\.0\.0\.1:1.* check AWS_ENDPOINT_URL"):
        as_path(f"{s3.url}/a").exists()


def test_no_credentials(s3: Bucket, monkeypatch: pytest.MonkeyPatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    forget_systems()
    with pytest.raises(BucketError, match=r"needs credentials.* set AWS_ACCESS_KEY_ID"):
        as_path(f"{s3.url}/a").exists()


def test_a_refusal(s3: Bucket):
    s3.put("a", b"x")
    s3.server.fault = lambda method, path: "403 Forbidden"
    forget(as_path(f"{s3.url}/a"))
    with pytest.raises(BucketError, match=r"refuses .* check the credentials"):
        as_path(f"{s3.url}/a").exists()


@pytest.mark.parametrize(("scheme", "package"), [("s3", "s3fs"), ("gs", "gcsfs")])
def test_a_package_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, scheme: str, package: str):
    monkeypatch.setitem(sys.modules, package, None)
    forget_systems()
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, scheme, raising=False)
    with pytest.raises(UsageError, match=rf"{scheme}:// needs a package.* pip install {package}"):
        as_path(f"{scheme}://bucket/a").exists()


def test_a_scheme_that_nobody_knows():
    with pytest.raises(UsageError, match="nobody knows foo://"):
        as_path("foo://bucket/a").exists()


def test_errors_of_this_disk_are_not_the_buckets(tmp_path):
    with pytest.raises(FileNotFoundError), told("/s3:/b/a"):
        (tmp_path / "none").read_bytes()
    with pytest.raises(IsADirectoryError), told("/s3:/b/a"):
        tmp_path.read_bytes()
    with pytest.raises(OSError, match="No space"), told("/s3:/b/a"):
        raise OSError(28, "No space left on device")
    with pytest.raises(WorkError, match="s3://b does not answer"), told("/s3:/b/a"):
        raise OSError("connection reset")
