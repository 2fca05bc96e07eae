"""What can be watched: a file at its own speed, a camera, an RTSP or HTTP stream."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from ..errors import UsageError
from .items import Item

_SCHEMES = ("rtsp", "rtsps", "http", "https")


class Source(Protocol):
    """Something that says frames, and sound where `sample_rate` asks for it."""

    name: str

    def check(self) -> None:
        """Raise `UsageError` or `MediaError` where no frame is to be had, within seconds."""

    def items(self, stopped: threading.Event, sample_rate: int | None) -> Iterator[Item]:
        """What it says, until it ends or is `stopped`. Sound is mono at `sample_rate` Hz; None for none."""


def source_of(text: str, *, loop: bool = False) -> Source:
    """The source that `text` names: the number or device of a camera, a URL, or a file.

    loop: begin a file again when it ends. Raises `UsageError` for what cannot be one.
    """
    scheme = text.partition("://")[0].lower() if "://" in text else ""
    camera = bool(re.fullmatch(r"\d+|/dev/video\d+", text))
    if loop and (scheme or camera):
        raise UsageError("--loop plays a file again; leave it out for a camera or a stream")
    if camera:
        from .camera import Camera

        return Camera(text)
    if scheme in _SCHEMES:
        from .connection import Url

        if not urlsplit(text).hostname:
            raise UsageError(f"{text} names no host; give one, as in rtsp://camera.local/stream")
        return Url(text)
    if scheme:
        raise UsageError(f"{scheme}:// is no stream that can be watched; use one of {', '.join(_SCHEMES)}")
    from .played import PlayedFile

    return PlayedFile(Path(text), loop=loop)
