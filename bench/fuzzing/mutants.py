"""Damage: each mutation takes a valid file and a generator of random numbers, and gives bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import av
import numpy as np

from .originals import CONTAINERS, with_jumps

Random = np.random.Generator
# Where headers keep sizes, rates and lengths, by the mark ahead of them.
_MARKS = (
    *(b"mvhd", b"mdhd", b"tkhd", b"stts", b"stsz", b"stco", b"ctts", b"elst", b"avc1", b"mp4v", b"mp4a"),
    *(b"avih", b"strh", b"strf", b"idx1", b"\x44\x89", b"\xb0", b"\x23\xe3\x83", b"\x2a\xd7\xb1", b"\xe1"),
    *(b"duration", b"width", b"height", b"framerate", b"OpusHead", b"\x00\x00\x01\xb3", b"\x00\x00\x01\xba"),
)  # fmt: skip
_EXTREMES = (0x00, 0xFF, 0x7F, 0x80, 0x01)
_TEXTS = (
    b"Not a video at all.\n" * 40,
    b"<html><head><title>404</title></head><body>gone</body></html>",
    b"#EXTM3U\n#EXTINF:10,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n",
    b"ffconcat version 1.0\nfile 0.mp4\n",
    b"file_name,label\na.mp4,walking\n",
    b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n",
)


def flip(data: bytes, random: Random) -> bytes:
    """Bits turned round, one in 1,000,000 to one in 100 and at least one."""
    array = np.frombuffer(data, np.uint8).copy()
    count = max(1, random.binomial(8 * len(array), 10.0 ** -random.integers(2, 7)))
    bits = random.integers(0, 8 * len(array), count)
    np.bitwise_xor.at(array, bits // 8, (1 << bits % 8).astype(np.uint8))
    return array.tobytes()


def truncate(data: bytes, random: Random) -> bytes:
    return data[: random.integers(1, len(data))]


def _block(data: bytes, random: Random) -> tuple[int, int]:
    size = int(min(len(data) // 4, 2 ** random.integers(4, 13)))
    start = int(random.integers(0, len(data) - size))
    return start, start + size


def zero(data: bytes, random: Random) -> bytes:
    array = bytearray(data)
    for _ in range(random.integers(1, 5)):
        start, stop = _block(data, random)
        array[start:stop] = bytes(stop - start)
    return bytes(array)


def duplicate(data: bytes, random: Random) -> bytes:
    start, stop = _block(data, random)
    return data[:stop] + data[start:stop] * int(random.integers(1, 4)) + data[stop:]


def drop(data: bytes, random: Random) -> bytes:
    start, stop = _block(data, random)
    return data[:start] + data[stop:]


def swap(data: bytes, random: Random) -> bytes:
    (a, b), (c, d) = sorted((_block(data, random), _block(data, random)))
    c, d = max(b, c), max(b, d)
    return data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:]


def header(data: bytes, random: Random) -> bytes:
    """One to four fields near a known mark, or in the first 256 bytes, at an extreme."""
    array = bytearray(data)
    marks = [m for m in _MARKS if m in data]
    for _ in range(random.integers(1, 5)):
        mark = marks[random.integers(len(marks))] if marks and random.random() < 0.8 else None
        at = data.index(mark) + len(mark) + int(random.integers(0, 40)) if mark else int(random.integers(256))
        width = int(random.choice([1, 2, 4, 8]))
        field = bytes([_EXTREMES[random.integers(len(_EXTREMES))]]) * width
        array[at : at + width] = field[: max(0, len(array) - at)]
    return bytes(array)


SIMPLE: Mapping[str, Callable[[bytes, Random], bytes]] = {
    f.__name__: f for f in (flip, truncate, zero, duplicate, drop, swap, header)
}
KINDS = (*SIMPLE, "splice", "jumps", "extension", "flip", "truncate", "header", "junk")


def mutants(files: Mapping[str, bytes], count: int, seed: int) -> Iterator[tuple[str, str, bytes]]:
    """`count` of (kind, suffix, bytes), the same for the same seed and originals."""
    names = sorted(files)
    for number in range(count):
        random = np.random.default_rng([seed, number])
        kind = KINDS[number % len(KINDS)]
        name, other = names[number * 7 % len(names)], names[random.integers(len(names))]
        suffix = Path(name).suffix
        data = files[name]
        if kind in SIMPLE:
            yield kind, suffix, SIMPLE[kind](data, random)
        elif kind == "splice":
            size = int(2 ** random.integers(4, 12))
            yield kind, suffix, files[other][:size] + data[size:]
        elif kind == "jumps":
            yield kind, suffix, _jumps(suffix, data, random)
        elif kind == "extension":
            suffixes = [s for s in CONTAINERS if s != suffix]
            yield kind, suffixes[random.integers(len(suffixes))], data
        else:
            yield kind, suffix, _junk(number // len(KINDS), random)


def _jumps(suffix: str, data: bytes, random: Random) -> bytes:
    choices = (0.7, 5.0, 20.0, 3600.0, 1e6, -0.7, -3600.0)
    jumps = [
        (int(random.integers(1, 20)), float(random.choice(choices))) for _ in range(random.integers(1, 4))
    ]
    try:
        return with_jumps(suffix, data, jumps)
    except (av.FFmpegError, ValueError, OverflowError):  # a muxer that refuses stamps out of order
        return header(data, random)


def _junk(number: int, random: Random) -> bytes:
    """Empty, random bytes, or text."""
    if number % 3 == 0:
        return b""
    if number % 3 == 1:
        return random.bytes(int(random.integers(1, 20_000)))
    return _TEXTS[number // 3 % len(_TEXTS)]
