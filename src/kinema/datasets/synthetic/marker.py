"""What a synthetic set says of itself: the file by which it can grow in place and never mix with another."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...atomic import write_text
from ...errors import UsageError, WorkError

MARKER = "synthetic.json"
VERSION = 1


def read_marker(out: Path) -> dict[str, Any] | None:
    """What an earlier call wrote about itself; None for a folder that is new or empty."""
    try:
        found = json.loads((out / MARKER).read_text(encoding="utf-8"))
        if isinstance(found, dict) and found.get("version") == VERSION:
            return found
        raise UsageError(f"{out / MARKER} is from another version of Kinema; choose another folder")
    except FileNotFoundError:
        if out.is_dir() and any(out.iterdir()):
            raise UsageError(f"{out} is not empty and not a synthetic set; choose another folder") from None
        return None
    except NotADirectoryError:
        raise UsageError(
            f"{out} cannot be a folder: there is a file on its path; choose another folder"
        ) from None
    except ValueError:
        raise UsageError(f"{out / MARKER} is damaged; delete {out} or choose another folder") from None


def check_fits(out: Path, found: dict[str, Any] | None, wanted: dict[str, Any]) -> None:
    """A set may grow in place; files of another set must not mix with it."""
    if found is None:
        return
    other = {k: v for k, v in found["settings"].items() if wanted["settings"].get(k) != v}
    if other:
        text = ", ".join(f"{k}={v}" for k, v in other.items())
        raise UsageError(f"{out} holds a synthetic set with {text}; choose another folder")
    smaller = [k for k in ("actors", "clips_per_actor") if wanted[k] < found[k]]
    if smaller or set(found["classes"]) - set(wanted["classes"]):
        raise UsageError(f"{out} holds a larger synthetic set; use it as it is or choose another folder")


def make_once(out: Path, wanted: dict[str, Any], last: str, write: Callable[[], None]) -> Path:
    """The set of `wanted` in `out`, made by `write` where it is not whole yet; returns its file `last`.

    Raises `UsageError` for a folder of something else, `WorkError` where the disk is full.
    """
    found = read_marker(out)
    check_fits(out, found, wanted)
    if found == {**wanted, "complete": True} and (out / last).is_file():
        return out / last
    try:
        out.mkdir(parents=True, exist_ok=True)
        _write_marker(out, {**wanted, "complete": False})
        write()
        _write_marker(out, {**wanted, "complete": True})
    except OSError as error:
        raise WorkError(
            f"cannot write the synthetic set to {out}: {error.strerror or error};"
            " make room or choose another folder"
        ) from error
    return out / last


def _write_marker(out: Path, value: dict[str, Any]) -> None:
    write_text(out / MARKER, json.dumps(value, indent=2) + "\n")
