"""A webcam over the WebSocket, against the live recogniser fed with the same frames in this process."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from kinema.inference.predictor import LoadedRun
from kinema.media.reader import VideoReader
from kinema.serve.webcam import recogniser_of


@contextmanager
def webcam(url: str) -> Iterator[ClientConnection]:
    with connect(url.replace("http", "ws") + "/api/live", open_timeout=30, close_timeout=1) as socket:
        with suppress(ConnectionClosed):  # it may have been refused by now, and has said why
            socket.send(json.dumps({"token": ""}))
        yield socket


def said(socket: ClientConnection) -> dict:
    return json.loads(socket.recv(timeout=30))


def message(seconds: float, picture: np.ndarray) -> tuple[bytes, np.ndarray]:
    """A frame as it is sent, and as it comes out of the JPEG."""
    data = io.BytesIO()
    Image.fromarray(picture).save(data, "JPEG")
    with Image.open(data) as image:
        return struct.pack(">d", seconds) + data.getvalue(), np.asarray(image.convert("RGB"))


def test_decisions_are_the_live_recognisers(url: str, loaded: LoadedRun, clips: list[Path]) -> None:
    alone, decisions, start = recogniser_of(loaded), 0, 1e6
    with webcam(url) as socket, VideoReader(clips[0]) as reader:
        assert said(socket)["ready"] == str(alone.plan)
        for number, frame in enumerate(reader.read(), start=1):
            sent, picture = message(start + frame.pts_seconds, frame.data)
            socket.send(sent)
            answer = said(socket)
            due = alone.feed(picture, start + frame.pts_seconds - start)
            assert answer == {"taken": number, "decision": due[-1].as_json() if due else None}
            decisions += bool(due)
    assert decisions > 1


def test_what_is_no_frame_ends_the_visit(url: str) -> None:
    picture = np.zeros((8, 8, 3), np.uint8)
    good = message(1.0, picture)[0]
    for bad, error in (
        (b"short", "a message is 8 bytes of time and a JPEG"),
        (struct.pack(">d", 0) + b"no JPEG", "a frame is not a JPEG"),
        (message(float("nan"), picture)[0], "the time of a frame is not a number"),
        (message(0.0, np.zeros((400, 400, 3), np.uint8))[0], "over 0.1 megapixels"),
    ):
        with webcam(url) as socket:
            said(socket)
            socket.send(good)
            assert said(socket)["taken"] == 1
            socket.send(bad)
            assert error in said(socket)["error"]


def test_time_does_not_run_backwards(url: str) -> None:
    picture = np.zeros((8, 8, 3), np.uint8)
    with webcam(url) as socket:
        said(socket)
        for seconds in (5.0, 4.0):
            socket.send(message(seconds, picture)[0])
            answer = said(socket)
    assert answer["error"].endswith("send frames in order")


def test_places_are_few_and_given_back(url: str) -> None:
    with webcam(url) as socket:
        assert "ready" in said(socket)
        with webcam(url) as second:
            assert said(second) == {"error": "all places for webcams are taken; try again later"}
    for _ in range(50):  # the first is given back as soon as its client is seen to be gone
        with webcam(url) as third:
            if "ready" in said(third):
                return
    pytest.fail("the place was never given back")
