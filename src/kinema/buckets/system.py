"""fsspec's file systems: one for each scheme, with bounded retries, and their errors in one line."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import PurePath
from typing import Any

from ..errors import BucketError, KinemaError, UsageError
from ..urls import as_url

# Of what Kinema has extras for; fsspec itself names the package of any other scheme.
PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs"}
# A request is tried so often, with pauses that double, and each try is given up after so many seconds.
TRIES, CONNECT_SECONDS, READ_SECONDS = 5, 5, 30
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
_ALIKE = threading.Lock()  # s3fs makes its client when it is first asked, and two threads would make two


def system(path: str | PurePath) -> Any:
    """The file system of a path in a bucket. Raises `UsageError` where its package is not installed."""
    with _ALIKE:
        return _system(as_url(path).partition("://")[0], os.getpid())


@lru_cache
def _system(scheme: str, process: int) -> Any:
    import fsspec

    options = _s3_options() if PACKAGES.get(scheme) == "s3fs" else {}
    try:
        found = fsspec.filesystem(scheme, use_listings_cache=False, skip_instance_cache=True, **options)
    except ImportError as error:
        package = PACKAGES.get(scheme)
        cure = f"pip install {package}" if package else str(error)
        raise UsageError(f"{scheme}:// needs a package that is not here; {cure}") from None
    except ValueError:
        raise UsageError(f"nobody knows {scheme}://; use s3://, gs:// or another scheme of fsspec") from None
    if hasattr(found, "retries"):  # botocore tries again already, and s3fs would multiply that
        found.retries = 1
    return found


def _s3_options() -> dict[str, Any]:
    return {
        "config_kwargs": {
            "retries": {"mode": "standard", "total_max_attempts": TRIES},
            "connect_timeout": CONNECT_SECONDS,
            "read_timeout": READ_SECONDS,
            "max_pool_connections": 64,
        }
    }


@contextmanager
def told(path: str | PurePath) -> Iterator[None]:
    """Whatever a file system raises as one line.

    `FileNotFoundError` and errors of the local disk stay: what they mean depends on who asked. Raises
    `BucketError` for the rest.
    """
    try:
        yield
    except (KinemaError, FileNotFoundError, KeyboardInterrupt, GeneratorExit):
        raise
    except Exception as error:  # of botocore, aiohttp, google.auth, ...: no common base
        if isinstance(error, OSError) and (error.filename is not None or error.errno in _DISK):
            raise
        raise BucketError(f"{_place(path)} {_what(error)}") from error


def _place(path: str | PurePath) -> str:
    """The bucket alone: what went wrong is seldom the object's."""
    scheme, _, rest = as_url(path).partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


def _what(error: Exception) -> str:
    name, text = type(error).__name__, " ".join(str(error).split()) or type(error).__name__
    if "Credential" in name or "RefreshError" in name or "Credential" in text:
        return (
            f"needs credentials, and there are none ({text}); set AWS_ACCESS_KEY_ID and"
            " AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or what the provider's own tools use"
        )
    if isinstance(error, PermissionError) or "Forbidden" in text or "AccessDenied" in text:
        return f"refuses ({text}); check the credentials and their rights"
    return (
        f"does not answer ({text}), tried {TRIES} times; check AWS_ENDPOINT_URL, the region and the network,"
        " then start again: what is done is kept"
    )
