"""The sound track of a file as log-mel examples, in constant memory, and what became of each track.

| outcome | what the track is | examples |
|---|---|---|
| ok | at least one whole example | all of them |
| padded | at least one analysis window (25 ms), less than one example | one, filled up with zeros |
| too short | less than one analysis window | none |
| silent | no sample reaches one step of 16-bit sound | none |
| absent | no sound track, or no sound in this part of the video | none |
| corrupt | a sound track of which nothing can be decoded | none |

A stream without examples is not present (its presence mask is False): silence holds no information, and
a model must not learn from it which camera had a microphone. A track that is silent only at its beginning
keeps that silence, and one that is damaged half-way counts as far as it can be decoded.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from ..media.audio import AudioReader
from .examples import stream_examples
from .logmel import VGGISH, FrontEnd

Outcome = Literal["ok", "padded", "too short", "silent", "absent", "corrupt"]
PRESENT: frozenset[Outcome] = frozenset({"ok", "padded"})
SILENCE = 1.0 / 32768
HELD_BLOCK = 1 << 16


def audio_examples(
    path: str | Path,
    front_end: FrontEnd = VGGISH,
    *,
    start_seconds: float | None = None,
    end_seconds: float | None = None,
    max_seconds: float | None = None,
) -> Iterator[tuple[float, np.ndarray]]:
    """Yield `(pts_seconds, example)` of a part of the sound, example float32 [96, 64].

    `pts_seconds` is where the example starts, in video time. `max_seconds` bounds the part's length.
    Yields nothing unless the outcome is `ok` or `padded`. Raises `MediaError` where the container cannot
    be opened.
    """
    with _reader(path, front_end, start_seconds, end_seconds, max_seconds) as reader:
        for seconds, example in stream_examples(unless_silent(reader.blocks()), front_end):
            yield (start_seconds or 0.0) + seconds, example


def sound_outcome(
    path: str | Path,
    front_end: FrontEnd = VGGISH,
    *,
    start_seconds: float | None = None,
    end_seconds: float | None = None,
    max_seconds: float | None = None,
) -> Outcome:
    """What became of the sound of a part of a file; see the table above.

    Decodes only until the answer is known. Raises `MediaError` where the container cannot be opened.
    """
    with _reader(path, front_end, start_seconds, end_seconds, max_seconds) as reader:
        total, audible = 0, False
        for block in reader.blocks(block_seconds=1.0):
            total, audible = total + len(block), audible or not _silent(block)
            if audible and total >= front_end.example_samples:
                return "ok"
        if total == 0:
            return "corrupt" if reader.skipped_packets else "absent"
    if total < front_end.window:
        return "too short"
    return "padded" if audible else "silent"


def unless_silent(blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """The same samples, or none where all are silent.

    A silent beginning is held back as a mere count, however long it is, and comes as exact zeros.
    """
    held = 0
    for block in blocks:
        if _silent(block):
            held += len(block)
            continue
        yield from _zeros(held)
        yield block
        yield from blocks
        return


def _zeros(count: int) -> Iterator[np.ndarray]:
    for start in range(0, count, HELD_BLOCK):
        yield np.zeros(min(HELD_BLOCK, count - start), np.float32)


def _silent(block: np.ndarray) -> bool:
    return not len(block) or float(np.abs(block).max()) < SILENCE


def _reader(
    path: str | Path, front_end: FrontEnd, start: float | None, end: float | None, longest: float | None
) -> AudioReader:
    ends = [end, None if longest is None else (start or 0.0) + longest]
    stop = min((e for e in ends if e is not None), default=None)
    return AudioReader(path, sample_rate=front_end.sample_rate, start_seconds=start, end_seconds=stop)
