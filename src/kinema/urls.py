"""How an object in a bucket is named as a path: `s3://bucket/key` is the path `/s3:/bucket/key`.

Such a path is a name alone; nothing lies there. It outlives what is done to paths: parents, joins, `abspath`,
another process. Nobody has a folder `/s3:`, and so it is told from a file by its beginning.
"""

import os
import re
from pathlib import PurePath

# A scheme has two letters or more: C:/ is a disk of Windows, whose absolute paths begin with one.
_SCHEME = r"[a-z][a-z0-9+.-]+"
_URL = re.compile(rf"({_SCHEME}):/{{1,2}}(?=[^/])", re.IGNORECASE)
_PATH = re.compile(rf"(?:[A-Za-z]:)?[/\\]({_SCHEME}):[/\\](?=[^/\\])")
_IN_TEXT = re.compile(rf"(?<![\w/\\.])/({_SCHEME}):/(?=[^/\s])")


def is_url(text: str | PurePath) -> bool:
    """Whether this is a URL, also one that was taken for a path and lost a slash (`s3:/bucket/key`).

    >>> is_url("s3://bucket/key"), is_url("C:/videos"), is_url("videos/a.mp4")
    (True, False, False)
    """
    return _URL.match(str(text)) is not None


def url_path(url: str | PurePath) -> str:
    """The path, as text, of a URL.

    >>> url_path("s3://bucket/key")
    '/s3:/bucket/key'
    """
    return _URL.sub(lambda found: f"/{found[1].lower()}:/", str(url), count=1).rstrip("/")


def in_bucket(path: str | PurePath) -> bool:
    """Whether a path names something in a bucket."""
    text = os.fspath(path)
    return ":" in text and _PATH.match(text) is not None


def as_url(path: str | PurePath) -> str:
    """The URL of a path that names something in a bucket; of another one, the path as text.

    >>> as_url("/s3:/bucket/key"), as_url("videos/a.mp4")
    ('s3://bucket/key', 'videos/a.mp4')
    """
    text = os.fspath(path)
    found = _PATH.match(url_path(text) if is_url(text) else text)
    if found:
        text = found.string
    return f"{found[1]}://{text[found.end() :]}".replace(os.sep, "/") if found else text


def with_urls(text: str) -> str:
    """A text for people in which such paths are written as URLs.

    >>> with_urls("cannot read /s3:/bucket/a.mp4; check it")
    'cannot read s3://bucket/a.mp4; check it'
    """
    return _IN_TEXT.sub(r"\1://", text) if ":/" in text else text


def full_name(path: str | PurePath) -> str:
    """What a file is called wherever one stands: its URL, or its absolute path."""
    return as_url(path) if is_url(path) else as_url(os.path.abspath(path))
