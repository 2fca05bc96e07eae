"""The sound of a video as log-mel examples, pushed in block by block, in constant memory.

What becomes of each track:

| the track | examples |
|---|---|
| at least one whole example long | all of them |
| at least one analysis window (25 ms), less than one example | one, filled up with zeros |
| less than one analysis window | none |
| silent: no sample reaches one step of 16-bit sound | none |
| no sound in the video, or in this part of it | none |
| most of its packets cannot be decoded | those of the rest; `Video.check` tells the damage |

A stream without examples is not present: silence holds no information, and a model must not learn from it
which camera had a microphone. A track that is silent only at its beginning keeps that silence.
"""

import numpy as np

from .examples import LogMelStream
from .logmel import VGGISH, FrontEnd

SILENCE = 1.0 / 32768
Example = tuple[float, np.ndarray]


class SoundExamples:
    """Blocks of mono samples in, `(pts_seconds, example)` out, as soon as each is complete.

    `pts_seconds` is where the example (float32 [96, 64]) starts, counted from the first sample. What comes
    does not depend on how the sound is cut into blocks. A silent beginning is held back as a mere count, and
    counts as exact zeros. `done` says that nothing after the first `max_seconds` is wanted.
    """

    def __init__(self, front_end: FrontEnd = VGGISH, max_seconds: float | None = None):
        self.done = False
        self._left = None if max_seconds is None else round(max_seconds * front_end.sample_rate)
        self._held: int | None = 0
        self._stream = LogMelStream(front_end)

    def push(self, block: np.ndarray) -> list[Example]:
        """The examples that `block`, float32 [n] in [-1, 1], any n, completes."""
        block = block[: self._left]
        if self._left is not None:
            self._left -= len(block)
            self.done = self._left == 0
        if self._held is None:
            return self._stream.push(block)
        audible = np.flatnonzero(np.abs(block) >= SILENCE)
        first = int(audible[0]) if len(audible) else len(block)
        self._held += first
        if first == len(block):
            return []
        silent, self._held = self._stream.push_zeros(self._held), None
        return silent + self._stream.push(block[first:])

    def finish(self) -> list[Example]:
        """Ends the track: the example made from its trailing samples, where there is one."""
        return [] if self._held is not None else self._stream.finish()
