"""Multipart forms against the standard library's, and names."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from kinema.serve import upload
from kinema.serve.errors import Refused
from kinema.serve.upload import receive_file, shown_name


def request_of(chunks: Sequence[bytes], boundary: str = "frontier") -> Request:
    left = list(chunks)

    async def receive() -> dict:
        body = left.pop(0) if left else b""
        return {"type": "http.request", "body": body, "more_body": bool(left)}

    kind = f"multipart/form-data; boundary={boundary}".encode()
    return Request({"type": "http", "method": "POST", "headers": [(b"content-type", kind)]}, receive)


def form(content: bytes, name: str = "clip.mp4") -> bytes:
    head = f'--frontier\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    return head.encode() + content + b"\r\n--frontier--\r\n"


@given(st.binary(min_size=1, max_size=300).filter(lambda b: b"\r\n--frontier" not in b), st.integers(1, 50))
def test_every_byte_arrives_however_it_is_cut(tmp_path_factory, content: bytes, step: int) -> None:
    body = form(content)
    out = tmp_path_factory.mktemp("upload") / "out"
    chunks = [body[i : i + step] for i in range(0, len(body), step)]
    assert asyncio.run(receive_file(request_of(chunks), out, 1000)) == "clip.mp4"
    assert out.read_bytes() == content


def test_no_more_than_allowed_is_written(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(Refused) as refused:
        asyncio.run(receive_file(request_of([form(bytes(1001))]), out, 1000))
    assert refused.value.status == 413
    assert out.stat().st_size <= 1000
    assert asyncio.run(receive_file(request_of([form(bytes(1000))]), tmp_path / "fits", 1000)) == "clip.mp4"


def test_a_client_that_stops_sending_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "PAUSE_SECONDS", 0.05)
    request = request_of([])

    async def never() -> dict:
        await asyncio.sleep(60)
        raise AssertionError

    request._receive = never
    with pytest.raises(Refused) as refused:
        asyncio.run(receive_file(request, tmp_path / "out", 1000))
    assert refused.value.status == 408


@given(st.binary(max_size=400))
def test_a_name_is_one_short_printable_word(raw: bytes) -> None:
    name = shown_name(raw)
    assert 0 < len(name) <= upload.LONGEST_NAME
    assert "/" not in name
    assert "\n" not in name
