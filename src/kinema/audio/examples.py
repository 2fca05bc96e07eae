"""A waveform cut into log-mel examples, block by block in constant memory."""

import numpy as np

from .logmel import FrontEnd, log_mel


class LogMelStream:
    """Blocks of samples in, log-mel examples out, as soon as each is complete.

    It keeps less than one example of samples, however long the track is. Each example is computed from its
    own samples alone, so the result does not depend on how the track is cut into blocks, to the last bit.
    """

    def __init__(self, front_end: FrontEnd):
        self.front_end = front_end
        self._pending = np.zeros(0, np.float32)
        self._count = 0

    def push(self, block: np.ndarray) -> list[tuple[float, np.ndarray]]:
        """The examples that `block` (float32 [n], any n) completes.

        Each is `(start_seconds, example)`, with example float32 [example_frames, mel_bands] and the time
        counted from the first sample ever pushed.
        """
        if block.ndim != 1:
            raise ValueError(f"a block must be mono, [n], got {block.shape}")
        length, hop = self.front_end.example_samples, self.front_end.example_hop
        samples = np.concatenate([self._pending, block])
        starts = range(0, len(samples) - length + 1, hop)
        examples = [self._example(samples[start : start + length]) for start in starts]
        self._pending = samples[len(starts) * hop :].copy()
        return examples

    def push_zeros(self, count: int) -> list[tuple[float, np.ndarray]]:
        """As `push` of `count` zeros at the start of the track; all examples are one and the same array."""
        length, hop = self.front_end.example_samples, self.front_end.example_hop
        whole = max((count - length) // hop + 1, 0)
        silent = log_mel(np.zeros(length, np.float32), self.front_end)
        self._pending = np.zeros(count - whole * hop, np.float32)
        return [(self._next_start(), silent) for _ in range(whole)]

    def finish(self) -> list[tuple[float, np.ndarray]]:
        """Ends the track: the example made from its trailing samples, where there is one."""
        samples, self._pending = self._pending, np.zeros(0, np.float32)
        if self._count == 0:
            wanted = len(samples) >= self.front_end.window
        else:
            shared = self.front_end.example_samples - self.front_end.example_hop
            wanted = self.front_end.pad_end and len(samples) > shared
        if not wanted:
            return []
        return [self._example(np.pad(samples, (0, self.front_end.example_samples - len(samples))))]

    def _example(self, samples: np.ndarray) -> tuple[float, np.ndarray]:
        return self._next_start(), log_mel(samples, self.front_end)

    def _next_start(self) -> float:
        self._count += 1
        return (self._count - 1) * self.front_end.example_hop / self.front_end.sample_rate
