"""The way to a cluster: which one is meant, and what can be wrong before any work is sent."""

import importlib.util
import logging
import os
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ...errors import UsageError
from ...resources import cores

CHOICES = "auto, local or ray://HOST:PORT"
SECONDS = 3  # for one try to reach a cluster
_CLIENT = re.compile(r"ray://([^/:]+|\[[0-9a-fA-F:]+\]):(\d+)")
_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_CLIENT_INITIAL_CONNECTION_TIMEOUT_S": str(SECONDS),
    "RAY_CLIENT_MAX_CONNECTION_TIMEOUT_S": str(SECONDS),
    # Of processes that died Ray tells the driver on stdout; what matters is told by us.
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",
}
# A cluster of this process alone: on loopback, which Ray keeps to on other systems only, at our own priority.
_LOCAL = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_worker_niceness": "0",
    "RAY_agent_register_timeout_ms": "100000",  # of a busy machine
}


def check_address(address: str) -> None:
    """Refuse what is no cluster at first sight, and a Ray that is not installed. Raises `UsageError`."""
    if address not in ("auto", "local") and not _CLIENT.fullmatch(address):
        raise UsageError(f"--cluster {address} is none of {CHOICES}")
    if importlib.util.find_spec("ray") is None:
        raise UsageError("--cluster needs Ray, which is not installed; pip install 'ray[client]'")


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """Ray, connected: to a cluster that is there, or (`local`) to one of this machine that ends with this.

    Raises `UsageError` within seconds where it cannot be reached or is of another version.
    """
    check_address(address)
    client = _CLIENT.fullmatch(address)
    if client:
        _knock(client[1].strip("[]"), int(client[2]), address)
    os.environ.update({name: os.environ.get(name, value) for name, value in _SETTINGS.items()})
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    import ray

    logging.getLogger("ray").setLevel(logging.CRITICAL)  # what it raises is told by us
    if ray.is_initialized():
        yield ray
        return
    try:
        with _environment(_LOCAL if address == "local" else {}):
            ray.init(address, log_to_driver=False, configure_logging=False, **_options(address))
    except Exception as error:
        raise UsageError(_why(address, error)) from None
    finally:
        for number, handler in handlers.items():
            with suppress(ValueError):  # not in the main thread, where Ray sets none either
                signal.signal(number, handler)
    try:
        yield ray
    finally:
        ray.shutdown()


def _options(address: str) -> dict[str, Any]:
    return {"num_cpus": cores(), "include_dashboard": False} if address == "local" else {}


def _knock(host: str, port: int, address: str) -> None:
    """See whether anybody listens: Ray itself would try for half a minute."""
    try:
        socket.create_connection((host, port), timeout=SECONDS).close()
    except OSError as error:
        raise UsageError(
            f"no Ray cluster answers at {address} ({error.strerror or error}); check that its head runs, "
            "and that this is its client port (10001)"
        ) from None


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update({name: os.environ.get(name, value) for name, value in variables.items()})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]


def _why(address: str, error: Exception) -> str:
    text = str(error)
    if "ersion mismatch" in text:
        facts = re.findall(r"(Ray|Python): (\S+)", text)
        there, here = (" with ".join(map(" ".join, facts[i : i + 2])) for i in (0, 2))
        return f"the cluster has {there}, and this machine {here}; install the same versions"
    if address == "auto" and isinstance(error, ConnectionError):
        return (
            "no Ray cluster runs on this machine, and RAY_ADDRESS names none; "
            "start one with `ray start --head`, or use --cluster local"
        )
    first = next((line for line in text.splitlines() if line.strip()), type(error).__name__)
    return f"cannot connect to Ray ({address}): {first.strip()[:200]}; check it with `ray status`"
