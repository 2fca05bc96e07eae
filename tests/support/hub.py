"""A hub on this machine: what the Hugging Face client asks for, answered from memory."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@contextmanager
def serving(repos: Mapping[str, Mapping[str, bytes] | str]) -> Iterator[tuple[str, list[str]]]:
    """The address of a hub with these repositories, mappings of files or `gated`; and what was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _answer(self, body: bool) -> None:
            asked.append(f"{self.command} {self.path}")
            repo, _, rest = self.path.strip("/").partition("/resolve/")
            content = repos.get(repo)
            if content is None:
                return self._refuse(404, "RepoNotFound")
            if content == "gated":
                return self._refuse(403, "GatedRepo")
            assert not isinstance(content, str)
            file = rest.partition("/")[2]
            if file not in content:
                return self._refuse(404, "EntryNotFound")
            data = content[file]
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            if body:
                self.wfile.write(data)
            return None

        def _refuse(self, code: int, reason: str) -> None:
            self.send_response(code)
            self.send_header("X-Error-Code", reason)
            self.send_header("X-Error-Message", reason)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()


def point_client_to(monkeypatch, address: str, cache: Path) -> None:
    """Let the Hugging Face client ask `address`, with an empty cache, and no other place be looked in."""
    from huggingface_hub import constants

    from kinema.weights import hub

    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}"
    )
    for name in ("KINEMA_WEIGHTS", "KINEMA_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(hub, "_places", hub._Places())
