"""From a path to an open container, or to a digest of its content: how a file is asked for."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from ..buckets import local
from ..errors import KinemaError, MediaError, printable
from ..keys import file_digest
from ..urls import in_bucket

Found = TypeVar("Found")
_AGAIN = 2  # times that a copy is fetched again
# Lists of other files. A data folder's video never is one, and a text file that was renamed could be.
_PLAYLISTS = frozenset({"concat", "dash", "hls", "imf"})
# Still pictures, each in a format of its own ("png_pipe") or, by its name, in image2; and within MP4 boxes.
_PICTURES = frozenset({"image2", "image2pipe", "ico"})
_PICTURE_BRANDS = frozenset({"avif", "heic", "heix", "mif1"})
# What becomes of metadata that are not text: PyAV from 19 on replaces it unasked.
_LENIENT: dict[str, Any] = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
# One picture of this size takes 200 MB as RGB. FFmpeg's decoders refuse larger ones before they allocate.
MAX_PIXELS = 8192 * 8192


def open_container(path: str | Path) -> InputContainer:
    """Open a media file for reading; an object in a bucket as the copy of it on this disk.

    The file is named to FFmpeg by absolute path under the `file:` protocol, so that no character of
    its name (percent signs, colons, a leading dash, newlines) has a meaning, and nothing but that file
    is opened. Raises `MediaError`: absent, a folder, empty, not permitted, or in no known format.
    """
    path = Path(path)
    try:
        container = _of_bytes(path, lambda there: _container(path, there))
    except FileNotFoundError:
        raise MediaError(f"{shown(path)} does not exist; check the path") from None
    except (OSError, ValueError) as error:
        message = f"{shown(path)} cannot be opened ({reason(error)}); check its permissions"
        raise MediaError(message) from error
    if _PLAYLISTS & set(container.format.name.split(",")):
        container.close()
        raise MediaError(f"{shown(path)} is a playlist, not media; give the files that it names")
    if _is_picture(container):
        container.close()
        raise MediaError(f"{shown(path)} is a picture, not a video; give a video file")
    return container


def _of_bytes(path: Path, use: Callable[[Path], Found]) -> Found:
    """What `use` makes of a file's bytes. A copy that was dropped before it was opened is fetched again."""
    for _ in range(_AGAIN):
        there = local(path)
        try:
            return use(there)
        except (OSError, MediaError):
            if there.exists() or not in_bucket(path):
                raise
    return use(local(path))


def _container(path: Path, there: Path) -> InputContainer:
    """Raises the plain reason why a file cannot be opened, which FFmpeg hides."""
    _check_regular(there)
    with there.open("rb") as file:
        if not file.read(1):
            raise MediaError(f"{shown(path)} is empty (0 bytes); replace it")
    url = "file:" + os.path.abspath(there)
    options = {"protocol_whitelist": "file", "max_pixels": str(MAX_PIXELS)}
    try:
        return av.open(url, options=options, **_LENIENT)
    except Exception as error:  # PyAV lets more than FFmpegError through
        raise MediaError(f"{shown(path)} is not readable media ({reason(error)}); replace it") from error


def _is_picture(container: InputContainer) -> bool:
    name, brand = container.format.name, container.metadata.get("major_brand", "").strip()
    return name in _PICTURES or name.endswith("_pipe") or brand in _PICTURE_BRANDS


def content_digest(path: str | Path) -> str:
    """SHA-256 of the file's bytes as 64 hexadecimal digits, read in blocks.

    Raises `MediaError` where the file cannot be read or is not a regular one.
    """

    def digest(there: Path) -> str:
        _check_regular(there)
        return file_digest(there)

    try:
        return _of_bytes(Path(path), digest)
    except OSError as error:
        message = f"{shown(path)} cannot be read ({reason(error)}); check path and permissions"
        raise MediaError(message) from error


def _check_regular(path: Path) -> None:
    """Raise `MediaError` for a folder, and for a pipe or device, whose reader could wait for ever."""
    if path.exists() and not path.is_file():
        raise MediaError(f"{shown(path)} is not a file; give a video file")


@contextmanager
def damaged_as_media(path: str | Path) -> Iterator[None]:
    """Tell whatever PyAV raises on a damaged file as `MediaError`: it lets more than FFmpegError through."""
    try:
        yield
    except KinemaError:
        raise
    except Exception as error:
        what = f"{type(error).__name__}: {reason(error)}"
        raise MediaError(f"{shown(path)} cannot be decoded ({what}); replace it") from error


def video_stream(container: InputContainer) -> VideoStream | None:
    """The first video stream that is moving pictures, not cover art; None where there is none."""
    streams = container.streams.video
    return next((s for s in streams if not s.disposition & Disposition.attached_pic), None)


def audio_stream(container: InputContainer) -> AudioStream | None:
    """The first sound stream that this FFmpeg can decode; None where there is none."""
    return next((s for s in container.streams.audio if s.codec_context is not None), None)


def reason(error: BaseException) -> str:
    """What went wrong, without the file name that the operating system's messages repeat."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def shown(path: str | Path) -> str:
    """A path as it can be printed in one line, whatever bytes it has."""
    return printable(os.fsencode(path).decode("utf-8", "backslashreplace"))
