"""What is refused, by which status, and that the server goes on as if nothing had been."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest

from kinema.errors import UsageError
from kinema.media.writer import VideoWriter
from kinema.serve.decoders import Lease
from kinema.serve.desk import Desk
from kinema.serve.limits import Limits
from kinema.serve.service import Service

FORM = "multipart/form-data; boundary=x"


def written(path: Path, frames: int, size: tuple[int, int] = (64, 48), fps: int = 10) -> Path:
    with VideoWriter(path, fps=fps, width=size[0], height=size[1]) as writer:
        for i in range(frames):
            writer.write(np.full((size[1], size[0], 3), i % 256, np.uint8))
    return path


def refusal(client: httpx.Client, content: bytes, name: str = "a.mp4", path: str = "/api/predict") -> tuple:
    answer = client.post(path, files={"file": (name, content)})
    assert set(answer.json()) == {"error"}
    return answer.status_code, answer.json()["error"]


@pytest.mark.parametrize("path", ["/api/predict", "/api/timeline", "/api/embed", "/api/preview"])
def test_bad_files_are_refused_by_the_clients_name(
    client: httpx.Client, clips: list[Path], tmp_path: Path, path: str
) -> None:
    whole = clips[0].read_bytes()
    assert refusal(client, b"not a video", path=path) == (
        422, "a.mp4 is not readable media (Invalid data found when processing input); replace it"
    )  # fmt: skip
    assert refusal(client, b"", path=path) == (422, "a.mp4 is empty (0 bytes); replace it")
    status, error = refusal(client, whole[: len(whole) // 2], "../../cut\x1b.mp4", path=path)
    assert status == 422
    assert error.startswith("cut\\x1b.mp4 ")
    assert client.get("/health").json()["inside"] == 0


def test_too_long_and_too_large_videos(client: httpx.Client, tmp_path: Path) -> None:
    long = written(tmp_path / "long.mp4", 60).read_bytes()
    for path in ("/api/predict", "/api/timeline", "/api/preview", "/api/anomaly?timeline=true"):
        assert refusal(client, long, path=path) == (413, "a.mp4 is longer than 4 s; send a shorter part")
    claimed = written(tmp_path / "slow.mp4", 6, fps=1)
    assert refusal(client, claimed.read_bytes()) == (413, "a.mp4 is longer than 4 s; send a shorter part")
    large = written(tmp_path / "large.mp4", 3, (640, 480)).read_bytes()
    assert refusal(client, large) == (
        413, "a.mp4 has frames of 640x480, over 0.1 megapixels; scale it down"
    )  # fmt: skip


def test_ten_gigabytes_are_refused_before_they_are_sent(url: str) -> None:
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        head = (
            f"POST /api/predict HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 10000000000\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
        )
        connection.sendall(head.encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_what_does_not_say_its_size_is_refused_on_the_way(client: httpx.Client, clips: list[Path]) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'
    sent = 0

    def body() -> Iterator[bytes]:
        nonlocal sent
        yield head
        for _ in range(100):
            sent += 1
            yield bytes(100_000)

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = client.post("/api/predict", content=body(), headers=headers)
    assert (answer.status_code, answer.json()["error"][:30]) == (413, "the file is larger than 2 MB; ")


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{}", "application/json", 415),
        (b"", "multipart/form-data", 400),
        (b"--y\r\n", "multipart/form-data; boundary=x", 400),
        (b"--x--\r\n", "multipart/form-data; boundary=x", 400),
        (
            b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nabc',
            "multipart/form-data; boundary=x",
            400,
        ),
    ],
)
def test_broken_forms(client: httpx.Client, body: bytes, kind: str, status: int) -> None:
    answer = client.post("/api/predict", content=body, headers={"Content-Type": kind})
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"error"}


def test_one_file_a_request(client: httpx.Client, clips: list[Path]) -> None:
    files = [("file", ("a.mp4", b"1")), ("file", ("b.mp4", b"2"))]
    answer = client.post("/api/predict", files=files)
    assert (answer.status_code, answer.json()["error"]) == (
        400, "the form has more than one file; send one a request"
    )  # fmt: skip
    beside = client.post("/api/predict", files={"file": clips[0].read_bytes()}, data={"note": "x"})
    assert beside.status_code == 200, "fields that nobody asked for are passed over"


@pytest.mark.parametrize("path", ["/api/timeline?", "/api/anomaly?timeline=true&"])
def test_windows_that_would_fill_the_memory_are_refused(client: httpx.Client, path: str) -> None:
    answer = client.post(path + "window=60&stride=0.05", files={"file": b"x"})
    assert (answer.status_code, answer.json()["error"]) == (
        400, "more than 20 windows overlap; give a stride of 3 s or more"
    )  # fmt: skip
    assert client.post(path + "window=61", files={"file": b"x"}).status_code == 422


def test_a_decoder_that_dies_costs_one_request(
    client: httpx.Client, service: Service, clips: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, before = service.compute.sequences, service.replaced

    def killed(messages):
        def watched():
            yield next(messages)  # the first clip: the process is at work
            for child in psutil.Process().children():
                if "kinema.serve.worker" in child.cmdline():
                    os.kill(child.pid, signal.SIGSEGV)
            yield from messages

        return real(watched())

    with monkeypatch.context() as patch:
        patch.setattr(service.compute, "sequences", killed)
        status, error = refusal(client, clips[0].read_bytes(), path="/api/timeline?window=0.3&stride=0.1")
    assert status == 422
    assert "decoder crashed" in error
    assert service.replaced > before
    assert client.post("/api/predict", files={"file": clips[0].read_bytes()}).status_code == 200


def test_a_full_server_says_when_to_come_again(
    client: httpx.Client, url: str, service: Service, clips: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two at work, two waiting: of seven at once three are refused, and all four others are answered."""
    go, real = threading.Event(), service.predict

    def held(file, lease):
        go.wait(30)
        return real(file, lease)

    monkeypatch.setattr(service, "predict", held)

    def send(_: int) -> httpx.Response:
        return httpx.post(f"{url}/api/predict", files={"file": clips[0].read_bytes()}, timeout=60)

    with ThreadPoolExecutor(7) as threads:
        answers = [threads.submit(send, i) for i in range(7)]
        while sum(answer.done() for answer in answers) < 3:
            time.sleep(0.01)
        assert client.get("/health").json()["inside"] == 4
        go.set()
        found = [answer.result() for answer in answers]
    assert sorted(answer.status_code for answer in found) == [200] * 4 + [429] * 3
    busy = next(answer for answer in found if answer.status_code == 429)
    assert int(busy.headers["retry-after"]) >= 1
    assert busy.json()["error"].startswith("the server is busy; try again in ")


def test_work_that_takes_too_long_is_ended(service: Service, clips: list[Path]) -> None:
    from kinema.serve.decoders import Overdue

    lease = Lease(0.001)
    lease.start()
    lease.stop.wait(10)
    with pytest.raises(Overdue, match=r"took longer than 0.001 s; send a shorter video"):
        service.predict(clips[0], lease)
    assert service.predict(clips[0], Lease(60)).label


def test_a_client_that_leaves_is_not_worked_for(
    url: str, client: httpx.Client, service: Service, clips: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, stopped = threading.Event(), threading.Event()

    def endless(file, lease):
        begun.set()
        if lease.stop.wait(30):
            stopped.set()
        lease.check()

    monkeypatch.setattr(service, "predict", endless)
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{url}/api/predict", files={"file": b"x"}, timeout=httpx.Timeout(20, read=0.5))
    assert begun.is_set()
    assert stopped.wait(20)
    while client.get("/health").json()["inside"]:
        time.sleep(0.01)


def test_limits_are_positive() -> None:
    with pytest.raises(UsageError, match="upload_mb=0: a limit is more than 0"):
        Limits(upload_mb=0)


def test_the_wait_follows_what_requests_took() -> None:
    desk = Desk(workers=2, waiting=8, work_seconds=1)
    with desk.place(), desk.place():
        assert desk.retry_after() == 1
        desk._usual_seconds = 30.0
        assert desk.retry_after() == 15
    assert desk.inside == 0
    desk.close()
