"""The program: it ends as it should, and what a kill leaves is gone after the next start."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from kinema.errors import UsageError
from kinema.serve.server import address, listen
from support.serving import program, wait_for

CPU = ("--weights", "none", "--device", "cpu", "--workers", "1")
FORM = {"Content-Type": "multipart/form-data; boundary=x"}


def slowly(clip: Path, pause: threading.Event) -> Iterator[bytes]:
    """An upload that is half-way until `pause` is set."""
    content = clip.read_bytes()
    yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n' + content[:100]
    pause.wait(30)
    yield content[100:] + b"\r\n--x--\r\n"


def begin(url: str, clip: Path, pause: threading.Event, answers: list) -> threading.Thread:
    def send() -> None:
        try:
            body = slowly(clip, pause)
            answers.append(httpx.post(url + "/api/predict", content=body, headers=FORM, timeout=60))
        except httpx.TransportError as error:
            answers.append(error)

    thread = threading.Thread(target=send)
    thread.start()
    wait_for(lambda: httpx.get(url + "/health").json()["inside"] == 1)
    return thread


def files_of(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"]


def test_one_signal_lets_what_has_begun_finish_and_a_second_does_not(
    tiny_run: Path, clips: list[Path], tmp_path: Path
) -> None:
    answers: list = []
    pause = threading.Event()
    with program(tiny_run, *CPU, TMPDIR=str(tmp_path)) as (process, url):
        thread = begin(url, clips[0], pause, answers)
        process.send_signal(signal.SIGTERM)
        wait_for(lambda: refuses(url))
        pause.set()
        thread.join()
        assert answers[0].status_code == 200, answers[0].text
        assert process.wait(30) == 143
    assert files_of(tmp_path) == []

    pause.clear()
    with program(tiny_run, *CPU, TMPDIR=str(tmp_path)) as (process, url):
        thread = begin(url, clips[0], pause, answers)
        process.send_signal(signal.SIGINT)
        wait_for(lambda: refuses(url))
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        pause.set()
        thread.join()
    assert isinstance(answers[1], httpx.TransportError) or answers[1].status_code >= 500
    assert files_of(tmp_path) == []


def refuses(url: str) -> bool:
    try:
        httpx.get(url + "/health", timeout=1)
    except httpx.ConnectError:
        return True
    return False


@pytest.mark.slow
def test_after_a_kill_nothing_of_an_upload_is_left(tiny_run: Path, clips: list[Path], tmp_path: Path) -> None:
    answers: list = []
    pause = threading.Event()
    with program(tiny_run, *CPU, TMPDIR=str(tmp_path)) as (process, url):
        thread = begin(url, clips[0], pause, answers)
        wait_for(lambda: files_of(tmp_path))
        process.kill()
        process.wait()
        pause.set()
        thread.join()
    assert files_of(tmp_path), "nobody could remove it"
    with program(tiny_run, *CPU, TMPDIR=str(tmp_path)) as (process, url):
        assert files_of(tmp_path) == []
        assert httpx.get(url + "/api/model").json()["recipe"] == "tiny"


def test_a_port_that_is_taken_is_one_line() -> None:
    with listen("127.0.0.1", 0) as first:
        first.listen()
        assert address(first).startswith("http://127.0.0.1:")
        with pytest.raises(UsageError, match=r"port \d+ \(.*\); choose another --port"):
            listen("127.0.0.1", first.getsockname()[1])
    with pytest.raises(UsageError, match=r"cannot listen at 192\.0\.2\.1"):
        listen("192.0.2.1", 0)
