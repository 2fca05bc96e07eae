"""A camera of this machine, through OpenCV."""

import re
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import MediaError, UsageError
from .items import Item, Shot
from .reconnect import Connection, reconnecting

INSTALL = "pip install 'kinema[camera]'"


class Camera:
    """A camera by its number, or by its device on Linux. It gives no sound. One that is unplugged is lost."""

    def __init__(self, text: str):
        self.number = int(re.sub(r"\D", "", text))
        self.name = f"camera {self.number}"

    def check(self) -> None:
        device = Path(f"/dev/video{self.number}")
        if sys.platform == "linux" and not device.exists():
            there = ", ".join(sorted(p.name.removeprefix("video") for p in device.parent.glob("video*")))
            raise UsageError(f"there is no camera {self.number}; {_choices(there)}")
        try:
            camera = self._opened()
        except MediaError as error:
            raise UsageError(str(error)) from None
        got = camera.read()[0]
        camera.release()
        if not got:
            raise UsageError(f"camera {self.number} sends no frame; end what else is using it")

    def items(self, stopped: threading.Event, sample_rate: int | None) -> Iterator[Item]:
        return reconnecting(lambda: self._connection(stopped), stopped)

    def _connection(self, stopped: threading.Event) -> Connection:
        camera = self._opened()
        began = time.monotonic()
        try:
            while not stopped.is_set():
                got, frame = camera.read()
                if not got:
                    raise MediaError("it sends no frame")
                now = time.monotonic()
                yield Shot(now - began, now, partial(_rgb, frame))
            return True
        finally:
            camera.release()

    def _opened(self) -> Any:
        camera = opencv(f"camera {self.number}").VideoCapture(self.number)
        if not camera.isOpened():
            raise MediaError(f"camera {self.number} cannot be opened; end what else is using it")
        return camera


def _rgb(frame: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(frame[:, :, ::-1])


def opencv(what: str) -> Any:
    """The package, silent. Raises `UsageError` where it is not installed."""
    try:
        import cv2
    except ImportError:
        raise UsageError(f"{what} needs OpenCV, which is not installed; {INSTALL}") from None
    package: Any = cv2
    package.setLogLevel(0)
    return package


def _choices(there: str) -> str:
    if not there:
        return "none is connected; give a file or a URL (rtsp://...), or connect one"
    return f"choose among {there}"
