"""A real S3 server on loopback, which counts requests and fails when it is told to."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

Answer = Callable[[str, str], str | None]
SCARCE = "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
_NUMBERS = count(1)


class S3:
    """moto's server in a thread. `requests` are (method, path); `fault` gives a status, or None."""

    def __init__(self) -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import WSGIRequestHandler, make_server

        class Silent(WSGIRequestHandler):
            def log(self, *args: Any) -> None: ...

        self.requests: list[tuple[str, str]] = []
        self.fault: Answer = lambda method, path: None
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=Silent)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def _answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        query = environ["QUERY_STRING"]
        self.requests.append(("LIST" if "list-type" in query else method, path))
        status = self.fault(method, path)
        if status is not None:
            start(status, [("Content-Type", "application/xml")])
            return [] if method == "HEAD" else [SCARCE.encode()]
        return self._moto(environ, start)

    def counted(self, method: str, part: str = "") -> int:
        """How many requests of a method came whose path has `part`."""
        return sum(m == method and part in path for m, path in self.requests)

    def times(self, method: str) -> Counter[str]:
        """How often each path was asked for by a method."""
        return Counter(path for m, path in self.requests if m == method)

    def close(self) -> None:
        self._server.shutdown()


class Bucket:
    """A bucket of its own for a test, with what tests ask of it, past the code that is tested."""

    def __init__(self, server: S3, environment: dict[str, str]):
        import boto3

        self.server, self.environment = server, environment
        self.name = f"kinema-{next(_NUMBERS)}"
        self.url = f"s3://{self.name}"
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
        self.client = boto3.client("s3", endpoint_url=server.url, **keys)
        self.client.create_bucket(Bucket=self.name)

    def put(self, key: str, data: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=data)

    def put_many(self, keys: Iterable[str]) -> None:
        """Objects of one byte, past the network."""
        from moto.core import DEFAULT_ACCOUNT_ID
        from moto.s3.models import s3_backends

        backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
        for key in keys:
            backend.put_object(self.name, key, b"x")

    def get(self, key: str) -> bytes:
        return self.client.get_object(Bucket=self.name, Key=key)["Body"].read()

    def remove(self, key: str) -> None:
        self.client.delete_object(Bucket=self.name, Key=key)

    def names(self, prefix: str = "") -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        return [row["Key"] for page in pages for row in page.get("Contents", ())]

    def put_tree(self, folder: Path, prefix: str) -> None:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                self.put(f"{prefix}/{file.relative_to(folder).as_posix()}", file.read_bytes())


@contextmanager
def bucket(server: S3, monkeypatch: pytest.MonkeyPatch, cache: Path) -> Iterator[Bucket]:
    """A new bucket, and the environment in which it is found."""
    environment = {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "KINEMA_BUCKETS": str(cache),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    forget_systems()
    server.requests.clear()
    yield Bucket(server, environment)
    server.fault = lambda method, path: None
    forget_systems()


def forget_systems() -> None:
    """The environment is read when a file system is made: have it read anew."""
    from kinema.buckets.system import _system

    _system.cache_clear()
