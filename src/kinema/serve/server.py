"""An application on a socket, until it is told to stop."""

import socket

import uvicorn
from starlette.types import ASGIApp

from ..errors import UsageError

# Of a WebSocket: one JPEG of a webcam, or one line of JSON.
MOST_MESSAGE_BYTES = 1 << 20
MOST_HEADER_BYTES = 16 << 10
MOST_CONNECTIONS = 512
BACKLOG = 128


def listen(host: str, port: int) -> socket.socket:
    """A socket that is ours from now on, so that a wrong call is refused at once; port 0 is any that is free.

    Connections are taken when its `listen` is called.

    Raises `UsageError` where the port is taken or the host is not here.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
    except (OSError, OverflowError) as error:
        found.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(
            f"cannot listen at {host} port {port} ({reason}); choose another --port or --host"
        ) from None
    return found


def address(found: socket.socket) -> str:
    """Where a browser finds the socket."""
    host, port = found.getsockname()[:2]
    host = {"0.0.0.0": "localhost", "::": "localhost"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run(app: ASGIApp, found: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM, which lets requests that have begun finish; a second one does not.

    The signal is raised again afterwards, for whoever handled it before.
    """
    config = uvicorn.Config(
        app,
        backlog=BACKLOG,
        log_level="warning",
        access_log=False,
        server_header=False,
        ws_max_size=MOST_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        h11_max_incomplete_event_size=MOST_HEADER_BYTES,
        limit_concurrency=MOST_CONNECTIONS,
    )
    uvicorn.Server(config).run(sockets=[found])
