"""Who may talk to the server: in front of everything else, for HTTP and WebSockets.

Without a token this machine alone is trusted, and a page of some other site, open in a browser here, is not
this machine: it must not send (`Origin`), nor read by giving its own name our address (`Host`, rebinding).
"""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import UsageError

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
LEAST_TOKEN = 16
TOKEN_VARIABLE = "KINEMA_TOKEN"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}


@dataclass(frozen=True, slots=True)
class Access:
    """`hosts` are names under which the server may be asked for, in lower case; any where it is empty.

    `token` is what a client has to show, if anything, for all paths but those in `open` and `open_folder`.
    """

    hosts: frozenset[str] = LOOPBACK
    token: str | None = None
    open: frozenset[str] = frozenset({"/", "/health", "/docs", "/openapi.json"})
    open_folder: str = "/assets/"

    def is_open(self, path: str) -> bool:
        """Whether a path needs no token."""
        return path in self.open or path.startswith(self.open_folder)

    def admits(self, given: str) -> bool:
        """Whether this is the token, in a time that does not tell how much of it is right."""
        return self.token is None or hmac.compare_digest(given.encode(), self.token.encode())


def access_for(host: str, token: str | None, names: tuple[str, ...] = ()) -> Access:
    """What is asked of clients of a server that listens at `host` and is known as `names` too.

    Raises `UsageError` for an address of a network without a token, and for a token that can be guessed.
    """
    if token is not None and len(token) < LEAST_TOKEN:
        raise UsageError(
            f"a token of {len(token)} characters can be guessed; give one of {LEAST_TOKEN} or more"
        )
    if token is None and host not in LOOPBACK:
        example = secrets.token_urlsafe(24)
        raise UsageError(
            f"--host {host} can be reached by others, so a token is needed; set {TOKEN_VARIABLE}={example}"
        )
    if token is None:
        return Access(LOOPBACK | {name.lower() for name in names})
    return Access(
        frozenset(name.lower() for name in (*names, *LOOPBACK, host)) if names else frozenset(), token
    )


class Guard:
    """ASGI middleware: refuses by `Access` with 401 or 403 and adds headers for browsers to every answer."""

    def __init__(self, app: ASGIApp, access: Access):
        self.app, self.access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(scope, Headers(scope=scope))
        if refusal is None:
            await self.app(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": refusal[1][:120]})
        else:
            status, text = refusal
            challenge = {"WWW-Authenticate": "Bearer"} if status == 401 else None
            await JSONResponse({"error": text}, status, challenge)(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        host = headers.get("host", "")
        if self.access.hosts and host_name(host) not in self.access.hosts:
            return (
                403,
                f"this server is not known as '{host[:100]}'; start it with --allow-host to add a name",
            )
        changes = scope["type"] == "websocket" or scope["method"] not in SAFE_METHODS
        if changes and not same_origin(headers, host):
            return 403, "a page of another site may not send anything here; open the server's own page"
        # A browser cannot set headers of a WebSocket: those show the token in their first message.
        if scope["type"] == "http" and not self.access.is_open(scope["path"]):
            scheme, _, given = headers.get("authorization", "").partition(" ")
            if not self.access.admits(given.strip() if scheme.lower() == "bearer" else ""):
                return 401, "this server asks for its token; send it as 'Authorization: Bearer TOKEN'"
        return None


def host_name(host: str) -> str:
    """The name in a Host header, without the port.

    >>> host_name("LOCALHOST:8000"), host_name("[::1]:8000"), host_name("evil.example")
    ('localhost', '::1', 'evil.example')
    """
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def same_origin(headers: Mapping[str, str], host: str) -> bool:
    """Whether a request comes from our own page, or from no page at all (programs send no Origin)."""
    if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    if origin is None:
        return True
    return urlsplit(origin).netloc.lower() == host.lower() if "://" in origin else False


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
