"""Where a published file of weights lies; fetched and checked where it does not yet. Imports no torch."""

import os
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path

from ..atomic import temporary_name
from ..errors import UsageError, WeightsError
from ..keys import file_digest
from ..resources import offline_asked
from .files import WeightFile

TIMEOUT_SECONDS = 30
_CHUNK = 1 << 20


def _unwatched(name: str, done: int, total: int) -> None:
    """Nobody looks."""


# Who is told of a download: the file's name, bytes here, bytes in all (0 where the server does not say).
DOWNLOADS: ContextVar[Callable[[str, int, int], None]] = ContextVar("DOWNLOADS", default=_unwatched)


def find_weights(
    name: str,
    candidates: tuple[WeightFile, ...],
    folder: Path | None = None,
    *,
    download: bool = True,
    advice: str = "",
) -> tuple[Path, WeightFile]:
    """The file that serves network `name`, and which of `candidates` it is; its digest is checked.

    Looked up in `folder` (else `KINEMA_WEIGHTS`), then in torch hub's cache, then, with `download` and
    without `KINEMA_OFFLINE`, fetched into that cache from where it is published. `advice` is what the caller
    may do without the file; it ends the message where the file is absent. Raises `WeightsError` (absent,
    wrong digest) and `UsageError` (no such folder), each with the cure.
    """
    folders = _folders(folder)
    for place in folders:
        for candidate in candidates:
            for file_name in candidate.files:
                path = place / file_name
                if path.is_file():
                    _check_digest(path, candidate.digest_of(file_name))
                    return path, candidate
    published = [c for c in candidates if c.url]
    if download and published and not offline_asked():
        target = folders[-1] / published[0].files[0]
        fetch(published[0], target, cure=_cure(target.name, folders, advice))
        return target, published[0]
    raise WeightsError(f"no weights for {name} here; {_cure(candidates[0].files[0], folders, advice)}")


def fetch(weights: WeightFile, target: Path, cure: str = "") -> None:
    """Download `weights.url` to `target`, atomically and with its digest checked.

    Raises `WeightsError`; nothing is left at `target` then.
    """
    # Here, since every verb imports this file and few fetch.
    import urllib.request
    from http.client import HTTPException

    partial = temporary_name(target)
    assert weights.url is not None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with (
            urllib.request.urlopen(weights.url, timeout=TIMEOUT_SECONDS) as answer,
            open(partial, "xb") as out,
        ):
            length = int(answer.headers.get("Content-Length") or 0)
            while chunk := answer.read(_CHUNK):
                out.write(chunk)
                DOWNLOADS.get()(target.name, out.tell(), length)
            length = length or out.tell()
            if out.tell() != length:
                raise OSError(f"it broke off after {out.tell()} of {length} bytes")
        expected, found = weights.digest_of(weights.files[0]), file_digest(partial)
        if expected and not found.startswith(expected):
            raise WeightsError(
                f"the download of {weights.url} is damaged: its sha256 starts with {found[:8]} where "
                f"{expected[:8]} is published; try again, or {cure}"
            )
        os.replace(partial, target)
    except (OSError, HTTPException) as error:  # URLError is an OSError
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise WeightsError(f"cannot fetch {weights.url} ({reason}); {cure}") from None
    finally:
        partial.unlink(missing_ok=True)


def hub_cache() -> Path:
    """torch hub's folder of checkpoints, as `torch.hub` finds it, which takes seconds to import."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", os.path.join(cache, "torch"))
    return Path(home).expanduser() / "hub" / "checkpoints"


def _folders(folder: Path | None) -> list[Path]:
    """Where weights may lie, in order; the last is torch hub's cache, where downloads go."""
    chosen = weights_folder(folder)
    return [chosen.absolute(), hub_cache()] if chosen else [hub_cache()]


def weights_folder(folder: Path | None = None) -> Path | None:
    """`folder`, else that of `KINEMA_WEIGHTS`, else None. Raises `UsageError` where it is not there."""
    chosen = folder or os.environ.get("KINEMA_WEIGHTS")
    if chosen and not Path(chosen).is_dir():
        source = "" if folder else " (KINEMA_WEIGHTS)"
        raise UsageError(f"no folder of weights at {chosen}{source}; give an existing one")
    return Path(chosen) if chosen else None


def _check_digest(path: Path, expected: str | None) -> None:
    if expected is None:
        return
    found = file_digest(path)
    if not found.startswith(expected):
        raise WeightsError(
            f"{path} is not the published file: its sha256 is {found[: len(expected)]} where {expected} is "
            f"published; delete it and fetch it again"
        )


def _cure(file_name: str, folders: list[Path], advice: str) -> str:
    places = " or ".join(str(folder) for folder in folders)
    give = "" if len(folders) > 1 else " (or in a folder given as --weights DIR)"
    return f"put {file_name} into {places}{give}{advice and f', or {advice}'}"
