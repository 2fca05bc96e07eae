"""One file out of a multipart request, straight to disk: never in memory, never larger than it may be."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from ..errors import printable
from .errors import Refused

FIELD = "file"
MOST_PARTS = 8
LONGEST_NAME = 200
# What a multipart body has around its file.
AROUND_BYTES = 64 << 10
# A client may pause for so long, and has to be faster than this on the whole.
PAUSE_SECONDS, SLOWEST_RATE = 30.0, 10_000


async def receive_file(request: Request, out: Path, most_bytes: int) -> str:
    """Write the request's one file to `out` and return its name, which is for display alone.

    Raises `Refused`: 400 not one file in multipart form, 408 too slow, 413 too large, 415 another form.
    """
    boundary = _boundary(request)
    check_length(request, most_bytes)
    with out.open("xb") as file:
        form = _Form(file, most_bytes)
        parser = MultipartParser(boundary, form.callbacks())  # type: ignore[arg-type]
        try:
            async for chunk in _paced(request):
                parser.write(chunk)
            parser.finalize()
        except MultipartParseError as error:
            raise Refused(400, f"the form is broken ({error}); send multipart/form-data") from None
    return form.name()


def check_length(request: Request, most_bytes: int) -> None:
    """Refuse what says itself that it is too large. Raises `Refused` (413)."""
    said = request.headers.get("content-length", "")
    if said.isdecimal() and int(said) > most_bytes + AROUND_BYTES:
        raise _too_large(most_bytes)


def _too_large(most_bytes: int) -> Refused:
    return Refused(413, f"the file is larger than {most_bytes / 1e6:g} MB; send a shorter or smaller one")


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data":
        raise Refused(415, f"send the video as multipart/form-data, in the field '{FIELD}'")
    boundary = options.get(b"boundary", b"")
    if not re.fullmatch(rb"[ -~]{1,70}", boundary):
        raise Refused(400, "the form names no boundary; let your HTTP library write Content-Type")
    return boundary


async def _paced(request: Request) -> AsyncIterator[bytes]:
    """The body; `Refused` (408) where it does not come."""
    started, received = time.monotonic(), 0
    stream = request.stream()
    while True:
        left = started + PAUSE_SECONDS + received / SLOWEST_RATE - time.monotonic()
        try:
            async with asyncio.timeout(min(PAUSE_SECONDS, left)):
                chunk = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise Refused(408, "the upload came too slowly; try again on a faster connection") from None
        received += len(chunk)
        yield chunk


class _Form:
    """What the parser finds: the bytes of the part called `file` go to disk, others nowhere."""

    def __init__(self, file: IO[bytes], most_bytes: int):
        self._file, self._left, self._most = file, most_bytes, most_bytes
        self._parts = 0
        self._field, self._value = b"", b""
        self._headers: dict[bytes, bytes] = {}
        self._taken = False
        self._found: str | None = None
        self._ended = False

    def callbacks(self) -> dict[str, object]:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._data,
            "on_end": self._end,
        }

    def name(self) -> str:
        """The file's name. Raises `Refused` where there was none, or nothing in it."""
        if not self._ended:
            raise Refused(400, "the form ends before its last boundary; send it again")
        if self._found is None:
            raise Refused(400, f"the form has no file in the field '{FIELD}'; send one")
        if self._left == self._most:
            raise Refused(422, f"{self._found} is empty (0 bytes); replace it")
        return self._found

    def _end(self) -> None:
        self._ended = True

    def _begin(self) -> None:
        self._parts += 1
        self._headers, self._taken = {}, False
        if self._parts > MOST_PARTS:
            raise Refused(400, f"the form has more than {MOST_PARTS} parts; send one file")

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field, self._value = b"", b""

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._taken = options.get(b"name") == FIELD.encode()
        if self._taken and self._found is not None:
            raise Refused(400, "the form has more than one file; send one a request")
        if self._taken:
            self._found = shown_name(options.get(b"filename", b""))

    def _data(self, data: bytes, start: int, end: int) -> None:
        if not self._taken:
            return
        self._left -= end - start
        if self._left < 0:
            raise _too_large(self._most)
        self._file.write(data[start:end])


def shown_name(raw: bytes) -> str:
    r"""A client's name for a file as one short word for people: no folders, nothing that a terminal obeys.

    >>> shown_name(b"../../etc/passwd"), shown_name(rb"C:\\clips\\a.mp4"), shown_name(b"")
    ('passwd', 'a.mp4', 'upload')
    """
    last = re.split(r"[/\\]", raw.decode("utf-8", "replace"))[-1].strip()
    return printable(last)[:LONGEST_NAME] or "upload"
