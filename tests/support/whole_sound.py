"""Whole sound tracks, and their log-mel examples."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from kinema.audio.examples import LogMelStream
from kinema.audio.logmel import VGGISH, FrontEnd
from kinema.audio.track import Example, SoundExamples
from kinema.media.audio import AudioReader


def sound_of(path: str | Path, block_seconds: float = 10.0, **part: Any) -> Iterator[np.ndarray]:
    """The blocks of a file's sound, as `AudioReader` with the arguments `part` reads them."""
    with AudioReader(path, **part) as reader:
        yield from reader.blocks(block_seconds)


def sound_examples(
    blocks: Iterable[np.ndarray], front_end: FrontEnd = VGGISH, max_seconds: float | None = None
) -> Iterator[Example]:
    """The examples of a whole track that arrives in blocks; takes no more blocks than it needs."""
    examples = SoundExamples(front_end, max_seconds)
    for block in blocks:
        yield from examples.push(block)
        if examples.done:
            break
    yield from examples.finish()


def log_mel_examples(waveform: np.ndarray, front_end: FrontEnd) -> np.ndarray:
    """All examples of a waveform: float [n] in [-1, 1] -> float32 [N, example_frames, mel_bands]."""
    stream = LogMelStream(front_end)
    examples = [example for _, example in stream.push(waveform) + stream.finish()]
    if not examples:
        return np.zeros((0, front_end.example_frames, front_end.mel_bands), np.float32)
    return np.stack(examples)
