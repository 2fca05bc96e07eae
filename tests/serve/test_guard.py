"""Names, origins and tokens: what is refused, over HTTP and WebSockets."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from kinema.errors import UsageError
from kinema.serve.app import create_app
from kinema.serve.guard import access_for, same_origin
from kinema.serve.scratch import Scratch
from kinema.serve.service import Service
from support.serving import served

TOKEN = "correct horse battery"


@pytest.fixture(scope="module")
def locked(service: Service, scratch: Scratch) -> Iterator[str]:
    with served(create_app(service, scratch, access_for("0.0.0.0", TOKEN))) as found:
        yield found


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "localhost@evil.example"])
def test_another_name_for_our_address_is_refused(client: httpx.Client, host: str) -> None:
    answer = client.get("/api/model", headers={"Host": host})
    assert (answer.status_code, set(answer.json())) == (403, {"error"})


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:99", "[::1]:8000"])
def test_names_of_this_machine_are_taken(client: httpx.Client, host: str) -> None:
    assert client.get("/api/model", headers={"Host": host}).status_code == 200


def test_pages_of_other_sites_may_not_send(client: httpx.Client, url: str) -> None:
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = client.post("/api/predict", files={"file": b"x"}, headers=headers)
        assert answer.status_code == 403, headers
    own = client.post("/api/predict", files={"file": b"x"}, headers={"Origin": url})
    assert own.status_code == 422
    with pytest.raises(InvalidStatus):
        connect(url.replace("http", "ws") + "/api/live", origin="http://evil.example")  # type: ignore[arg-type]


def test_every_answer_binds_the_browser(client: httpx.Client) -> None:
    for path in ("/", "/api/model", "/nothing", "/assets/page.js"):
        headers = client.get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "unsafe-inline" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers


def test_a_token_is_asked_of_all_that_tells_something(locked: str) -> None:
    for path in ("/", "/health", "/docs", "/openapi.json", "/assets/page.js"):
        assert httpx.get(locked + path).status_code == 200, path
    for path in ("/api/model", "/api/card", "/metrics", "/nothing"):
        for given in ("", "Bearer wrong", "Basic " + TOKEN, "Bearer é"):
            answer = httpx.get(locked + path, headers={"Authorization": given.encode()})
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), (path, given)
    right = {"Authorization": "Bearer " + TOKEN}
    assert httpx.get(locked + "/api/model", headers=right).status_code == 200
    assert httpx.post(locked + "/api/predict", files={"file": b"x"}).status_code == 401
    assert httpx.post(locked + "/api/predict", files={"file": b"x"}, headers=right).status_code == 422


def test_others_than_loopback_need_a_token_that_cannot_be_guessed() -> None:
    with pytest.raises(
        UsageError, match=r"--host 0.0.0.0 can be reached by others.* set KINEMA_TOKEN=\S{32}$"
    ):
        access_for("0.0.0.0", None)
    with pytest.raises(UsageError, match="a token of 5 characters can be guessed"):
        access_for("127.0.0.1", "12345")
    assert access_for("127.0.0.1", None, ("Box.lan",)).hosts >= {"box.lan", "localhost"}
    assert access_for("0.0.0.0", TOKEN).hosts == frozenset(), "any name will do: the token is what counts"


def test_programs_send_no_origin() -> None:
    assert same_origin({}, "localhost:8000")
    assert same_origin({"origin": "http://localhost:8000"}, "LOCALHOST:8000")
    assert not same_origin({"origin": "http://localhost:8001"}, "localhost:8000")
