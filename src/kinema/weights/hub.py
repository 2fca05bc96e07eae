"""Files of models on the Hugging Face Hub: found in a folder or in the hub's cache, or fetched. No torch.

The hub's own client does the fetching, so that its cache, its mirror (`HF_ENDPOINT`), its log-in and
`HF_HUB_OFFLINE` are what they are elsewhere. Nothing is opened, let alone run, here.
"""

from __future__ import annotations

import logging
import os
import re
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..errors import UsageError, WeightsError
from ..resources import offline_asked
from .find import weights_folder

TIMEOUT_SECONDS = 10
_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", re.ASCII)


@dataclass(slots=True)
class _Places:
    """Where this process looks, before any stream is loaded: configurations decide what a recipe means."""

    folder: Path | None = None
    download: bool = True


_places = _Places()


def look_in(folder: Path | None, *, offline: bool) -> None:
    """From now on look in `folder` first, and fetch nothing with `offline`; for configurations of models."""
    _places.folder, _places.download = folder, not offline


def hub_file(
    repo: str,
    names: Sequence[str],
    *,
    folder: Path | None = None,
    download: bool | None = None,
    advice: str = "",
) -> Path:
    """The first of `names` that repository `repo` has; preferred ones first (safetensors before pickles).

    Looked up in `folder` (else as `look_in` says, else `KINEMA_WEIGHTS`), as ORG/NAME/file, ORG--NAME/file,
    NAME/file, or in a copy of the hub's cache; then in the hub's cache, then, with `download`, on the hub.
    Raises `WeightsError` with the cure.
    """
    folder = weights_folder(folder or _places.folder)
    if found := local_file(repo, names, folder):
        return found
    allowed = _places.download if download is None else download
    cure = _cure(repo, names[0], folder, advice)
    if not allowed or _offline():
        raise WeightsError(f"no {names[0]} of {repo} here, and nothing is downloaded (offline); {cure}")
    return _fetched(repo, names, cure)


def local_file(repo: str, names: Sequence[str], folder: Path | None = None) -> Path | None:
    """As `hub_file`, but only what is on this machine; None where it is not."""
    if not _NAME.fullmatch(repo):
        raise UsageError(f"'{repo}' is no name of a repository on the hub, which reads ORGANISATION/NAME")
    return _local(repo, names, weights_folder(folder or _places.folder))


def _offline() -> bool:
    hub = os.environ.get("HF_HUB_OFFLINE", "0").lower() not in ("", "0", "false", "no", "off")
    return hub or offline_asked()


def _local(repo: str, names: Sequence[str], folder: Path | None) -> Path | None:
    places = list(_folders(repo, folder)) if folder else []
    for name in names:
        for place in places:
            if (place / name).is_file():
                return (place / name).absolute()
    from huggingface_hub import try_to_load_from_cache

    for name in names:
        found = try_to_load_from_cache(repo, name)
        if isinstance(found, str):
            return Path(found)
    return None


def _folders(repo: str, folder: Path) -> Iterator[Path]:
    short = repo.rpartition("/")[2]
    yield from (folder / repo, folder / repo.replace("/", "--"), folder / short)
    cached = f"models--{repo.replace('/', '--')}"
    for root in (folder, folder / "hub"):
        yield from sorted((root / cached / "snapshots").glob("*"))
    # The folder that a run remembers is the one that its file lay in.
    if short in folder.parts or repo.replace("/", "--") in folder.parts or cached in folder.parts:
        yield folder


def _fetched(repo: str, names: Sequence[str], cure: str) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    if reason := _unreachable():
        raise WeightsError(f"cannot fetch {names[0]} of {repo}: the hub cannot be reached ({reason}); {cure}")
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    try:
        for name in names:
            try:
                return Path(hf_hub_download(repo, name, etag_timeout=TIMEOUT_SECONDS))
            except LocalEntryNotFoundError:  # no network, though it is a kind of the next one
                raise
            except EntryNotFoundError:
                continue
    except Exception as error:  # the client's own errors and those of whatever HTTP library it uses
        raise WeightsError(f"cannot fetch {names[0]} of {repo}: {_reason(error, repo)}; {cure}") from None
    raise WeightsError(f"{repo} has no {' and no '.join(names)} on the hub; {cure}")


def _unreachable() -> str:
    """Why the hub does not answer, or nothing: the client would try again and again for half a minute."""
    import urllib.request

    from huggingface_hub import constants

    if urllib.request.getproxies():
        return ""
    address = urlsplit(constants.ENDPOINT)
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        socket.create_connection((address.hostname or "", port), TIMEOUT_SECONDS).close()
    except OSError as error:
        return f"{address.netloc}: {error.strerror or error}"
    return ""


def _reason(error: Exception, repo: str) -> str:
    from huggingface_hub import errors

    known: tuple[tuple[Any, str], ...] = (
        (
            errors.GatedRepoError,
            f"its authors ask you to accept their terms at https://huggingface.co/{repo}; "
            "do so, then `hf auth login`",
        ),
        (errors.RepositoryNotFoundError, "there is no such repository, or it is private or was removed"),
        (errors.LocalEntryNotFoundError, "the hub cannot be reached"),
        (errors.OfflineModeIsEnabled, "nothing is downloaded (offline)"),
    )
    for kind, text in known:
        if isinstance(error, kind):
            return text
    text = re.sub(r"\s+", " ", str(error)).strip()
    return f"{type(error).__name__}: {text[:160]}" if text else type(error).__name__


def _cure(repo: str, name: str, folder: Path | None, advice: str) -> str:
    place = f"{folder or 'DIR'}/{repo}"
    give = "" if folder else " and give --weights DIR"
    return f"put {name} into {place}{give}{advice and f', or {advice}'}"


def lying_in(folder: Path | None, names: Sequence[str]) -> Path | None:
    """The first of `names` that lies in the folder of weights itself, without a folder of its repository."""
    folder = weights_folder(folder)
    paths = [folder / name for name in names] if folder else []
    return next((path.absolute() for path in paths if path.is_file()), None)
