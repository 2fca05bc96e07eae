"""Which file a request is about: one that it brings, or one below the root that it may name."""

import stat
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request

from ..errors import KinemaError
from ..media.container import shown
from .errors import Refused
from .limits import Limits
from .scratch import Scratch
from .upload import receive_file, shown_name


@dataclass(frozen=True, slots=True)
class Given:
    """A file and what the client calls it."""

    path: Path
    name: str

    def named(self, error: KinemaError) -> KinemaError:
        """The error with the client's name for the file in place of ours."""
        return type(error)(str(error).replace(shown(self.path), self.name))


@asynccontextmanager
async def given_file(
    request: Request, named: str | None, scratch: Scratch, root: Path | None, limits: Limits
) -> AsyncGenerator[Given, None]:
    """The request's upload, which is gone afterwards, or the file `named` below `root`. Raises `Refused`."""
    if named is not None:
        yield below(root, named)
        return
    with scratch.file() as path:
        name = await receive_file(request, path, limits.upload_bytes)
        yield Given(path, name)


def below(root: Path | None, named: str) -> Given:
    """A regular file below `root`, wherever links lead. Raises `Refused`: 403 without a root, 404.

    One answer for all that is not there, or not below: nothing is told about the rest of the disk.
    """
    if root is None:
        raise Refused(403, "files of the server may not be named here; upload one, or start it with --root")
    try:
        base = root.resolve(strict=True)
        path = (base / named).resolve(strict=True)
        if path.is_relative_to(base) and stat.S_ISREG(path.stat().st_mode):
            return Given(path, shown_name(path.name.encode("utf-8", "surrogateescape")))
    except (OSError, ValueError, RuntimeError):
        pass
    raise Refused(404, "there is no such file below the root; check path")
