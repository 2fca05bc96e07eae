"""A server on loopback, in a thread of the tests' own or as the program."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from kinema.serve.server import address, listen

PATIENCE = 60_000  # milliseconds that a page in a browser may take
SECONDS = 60.0


@contextmanager
def served(app: Any) -> Iterator[str]:
    """The application's address while the block runs."""
    listening = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws_max_size=1 << 20))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        wait_for(lambda: server.started)
        yield address(listening)
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def program(
    run: Path, *options: str | Path, **environment: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`kinema serve` as a process, and its address; it is killed when the block ends."""
    with started("serve", run, "--port", 0, *options, **environment) as found:
        yield found


@contextmanager
def started(*words: str | Path | int, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A verb that serves a page as a process, and its address; it is killed when the block ends."""
    command = [sys.executable, "-m", "kinema", *map(str, words)]
    process = subprocess.Popen(
        command, env={**os.environ, "COLUMNS": "200", **environment}, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        said = ""
        while not (found := re.search(r"http://\S+(?=;)", said)):
            line = process.stderr.readline()
            assert line, said
            said += line
        assert httpx.get(found[0] + "/health", timeout=SECONDS).status_code == 200
        yield process, found[0]
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def wait_for(ready: Any) -> None:
    """Return when `ready()` is true; an error of the connection is not."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        try:
            if ready():
                return
        except httpx.TransportError:
            pass
        time.sleep(0.02)
    raise AssertionError("it never came to be")
