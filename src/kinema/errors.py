"""What a user can do wrong. Every message is one line that ends with the cure.

The library raises these and never prints or exits; the command line turns them into
exit code 2 (the call is wrong: `UsageError`) or 1 (the work failed: `WorkError`).
"""

import unicodedata
from collections.abc import Iterable

from .urls import with_urls

# Control characters, ends of lines and paragraphs, and lone surrogates.
_UNPRINTABLE = {"Cc", "Zl", "Zp", "Cs"}
# What turns the direction of text round, so that a name can look like another.
_TURNS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def printable(text: str) -> str:
    """`text` with an escape such as `\\x1b` for each character that a terminal would obey or cannot show.

    Paths of objects in buckets become their URLs.
    """
    text = with_urls(text)
    if text.isprintable():
        return text
    return "".join(_escaped(c) if _obeyed(c) else c for c in text)


def _obeyed(character: str) -> bool:
    return character in _TURNS or unicodedata.category(character) in _UNPRINTABLE


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


class KinemaError(Exception):
    """Base of all errors that a user can cause. `str(error)` is one line that can be printed."""

    def __init__(self, message: str):
        super().__init__(printable(" ".join(message.split())))


class UsageError(KinemaError):
    """The call is wrong: unknown recipe, bad key, missing folder, unusable split (exit code 2)."""


class WorkError(KinemaError):
    """The call was right and the work failed: full disk, NaN loss, no readable video (exit code 1)."""


class MediaError(WorkError):
    """A video or sound track cannot be read. Extraction quarantines the file and goes on."""


class BucketError(WorkError):
    """A bucket does not answer, or refuses: no fault of the file that was asked for."""


class WeightsError(UsageError):
    """Pretrained weights are absent or do not fit their backbone."""


def nearest(word: str, known: Iterable[str], ending: str = "") -> str:
    """`did you mean 'vgg16'? `: the nearest known word and `ending`; nothing where none is near.

    >>> nearest("vgg61", ["vgg16", "i3d_rgb"]), nearest("vgg61", ["yamnet"])
    ("did you mean 'vgg16'? ", '')
    """
    from difflib import get_close_matches  # in no hurry: something is wrong

    close = get_close_matches(word, list(known), n=1)
    return f"did you mean '{close[0]}{ending}'? " if close else ""
