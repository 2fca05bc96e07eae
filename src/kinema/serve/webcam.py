"""The webcam of a browser: JPEG frames over a WebSocket, decisions back.

    client: {"token": TOKEN}                          server: {"ready": how it works}
    client: 8 bytes seconds (float64, big-endian), JPEG   server: {"taken": N, "decision": {...} or null}

A client sends the next frame when the last one was taken. An error is `{"error": ...}`, and the end.
"""

import asyncio
import json
import math
import struct
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from ..errors import KinemaError, UsageError
from ..inference.predictor import LoadedRun
from ..inference.timeline import is_timeline
from ..live.decision import Decision
from ..live.model import LiveModel
from ..live.recogniser import LiveRecogniser
from ..live.smoothing import Smoothing
from ..live.timeline import LiveTimeline, Moment
from .decoders import Lease
from .guard import Access
from .service import Service

IDLE_SECONDS = 30.0
# Of a visit, which has no end of its own.
LONGEST_SECONDS = 24 * 3600.0
RISK = 0.05
HEAD = struct.Struct(">d")
REFUSED, BUSY = 1008, 1013


def recogniser_of(run: LoadedRun) -> LiveModel[Decision] | LiveModel[Moment]:
    """A live recogniser that answers unknown at a risk of 5 %, where the run can bound one. `UsageError`."""
    if is_timeline(run):
        return LiveTimeline(run)
    least = None
    with suppress(UsageError):
        least = run.bound(RISK)
    return LiveRecogniser(run, smoothing=Smoothing(least=least))


class Visit:
    """One webcam: `take` is called with each message in a thread of the visit's own."""

    def __init__(self, service: Service, lease: Lease):
        self._service = service
        self._open = service.pictures(lease)
        self._decoded = self._open.__enter__()
        self._recogniser = recogniser_of(service.run)
        self._first: float | None = None
        self.taken = 0

    @property
    def plan(self) -> str:
        """How the run works live, in words."""
        return str(self._recogniser.plan)

    def take(self, message: bytes) -> Decision | Moment | None:
        """The last decision that a frame completes. Raises `KinemaError` for what is no frame."""
        if len(message) <= HEAD.size:
            raise UsageError("a message is 8 bytes of time and a JPEG; send both")
        (seconds,) = HEAD.unpack(message[: HEAD.size])
        frame = self._decoded(message[HEAD.size :])
        if not math.isfinite(seconds):
            raise UsageError("the time of a frame is not a number; send seconds")
        if self._first is None:
            self._first = seconds
        decisions = self._service.compute.call(lambda: self._fed(frame, seconds - self._first))  # type: ignore[operator]
        self.taken += 1
        return decisions[-1] if decisions else None

    def close(self) -> None:
        """Give the decoding process back."""
        self._open.__exit__(None, None, None)

    def _fed(self, frame: np.ndarray, seconds: float) -> Sequence[Decision | Moment]:
        try:
            return self._recogniser.feed(frame, seconds)
        except ValueError as error:
            raise UsageError(f"{error}; send frames in order") from None


def webcam_routes(service: Service, access: Access) -> APIRouter:
    """The WebSocket at /api/live."""
    router = APIRouter()
    guests = 0

    @router.websocket("/api/live")
    async def live(socket: WebSocket) -> None:
        nonlocal guests
        await socket.accept()
        if guests >= service.limits.webcams:
            await _refuse(socket, "all places for webcams are taken; try again later", BUSY)
            return
        guests += 1
        lease, threads = Lease(LONGEST_SECONDS), ThreadPoolExecutor(1, "webcam")
        try:
            await _visit(socket, service, access, lease, threads)
        except (WebSocketDisconnect, RuntimeError):
            pass  # the client is gone
        except TimeoutError:
            await _refuse(socket, f"no frame for {IDLE_SECONDS:g} s; open the webcam again", REFUSED)
        except KinemaError as error:
            await _refuse(socket, str(error), REFUSED)
        finally:
            guests -= 1
            lease.cancel()
            threads.shutdown(wait=False)

    return router


async def _visit(
    socket: WebSocket, service: Service, access: Access, lease: Lease, threads: ThreadPoolExecutor
) -> None:
    loop = asyncio.get_running_loop()
    if not access.admits(_token(await _received(socket))):
        raise UsageError("this server asks for its token; send it in the first message")
    visit = await loop.run_in_executor(threads, Visit, service, lease)
    try:
        await socket.send_json({"ready": visit.plan})
        while True:
            message = await _received(socket)
            decision = await loop.run_in_executor(threads, visit.take, message)
            facts = decision.as_json() if decision else None
            await socket.send_json({"taken": visit.taken, "decision": facts})
    finally:
        await loop.run_in_executor(threads, visit.close)


async def _received(socket: WebSocket) -> bytes:
    async with asyncio.timeout(IDLE_SECONDS):
        message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1000))
    return message.get("bytes") or (message.get("text") or "").encode()


def _token(message: bytes) -> str:
    with suppress(ValueError):
        hello = json.loads(message)
        if isinstance(hello, dict):
            return str(hello.get("token", ""))
    return ""


async def _refuse(socket: WebSocket, text: str, code: int) -> None:
    with suppress(RuntimeError, WebSocketDisconnect):
        await socket.send_json({"error": text})
        await socket.close(code)
