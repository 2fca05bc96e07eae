"""Optical flow along one video: frames are pushed, the fields between them come back in order."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from ..errors import UsageError, WorkError

# Frames of one size, n + 1 of them -> their fields float32 [n, 2, H, W] in pixels.
Compute = Callable[[list[np.ndarray]], np.ndarray]


class Pairs:
    """The state of one video. Frames are uint8 [H, W] (grey) or [H, W, 3] (RGB), fields float32 [2, H, W] in
    pixels: frame t's [y, x] reappears near frame t + 1's [y + field[1], x + field[0]]."""

    def __init__(self) -> None:
        self._size: tuple[int, ...] | None = None

    def push(self, frame: np.ndarray) -> list[np.ndarray]:
        """Take the next frame; the fields that are complete and were not given before, none for the first.

        Raises `UsageError` for another shape, dtype or size, `WorkError` for a field that is not finite.
        """
        if frame.dtype != np.uint8 or frame.shape[2:] not in ((), (3,)) or frame.ndim < 2 or 0 in frame.shape:
            raise UsageError(
                f"optical flow takes uint8 frames [H, W] or [H, W, 3], got {frame.dtype} "
                f"{list(frame.shape)}; convert them first"
            )
        if self._size not in (None, frame.shape[:2]):
            raise UsageError("the frame size changes inside the video; resize the frames to one size first")
        self._size = frame.shape[:2]
        return self._add(frame)

    def finish(self) -> list[np.ndarray]:
        """The remaining fields; the video ends here. Raises `WorkError` as `push` does."""
        return []

    def fields(self, frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """The fields between consecutive `frames`, in order, in constant memory."""
        for frame in frames:
            yield from self.push(frame)
        yield from self.finish()

    def _add(self, frame: np.ndarray) -> list[np.ndarray]:
        raise NotImplementedError


class BatchedPairs(Pairs):
    """By a function that takes many pairs at once; lags behind by up to `batch` pairs."""

    def __init__(self, method: str, compute: Compute, batch: int) -> None:
        super().__init__()
        self._method, self._compute, self._batch = method, compute, batch
        self._held: list[np.ndarray] = []
        self._done = 0

    def finish(self) -> list[np.ndarray]:
        """The remaining fields."""
        fields = []
        while len(self._held) > 1:
            fields += self._computed()
        return fields

    def _add(self, frame: np.ndarray) -> list[np.ndarray]:
        self._held.append(frame.copy())  # the caller may fill the same memory again
        return self._computed() if len(self._held) > self._batch else []

    def _computed(self) -> list[np.ndarray]:
        """The fields of the frames held, up to the first that is not finite; that one raises next time."""
        fields = self._compute(self._held)
        finite = np.isfinite(fields).all(axis=(1, 2, 3))
        good = len(fields) if finite.all() else int(finite.argmin())
        if good == 0:
            raise WorkError(
                f"{self._method} gave a field that is not finite between frames {self._done} and "
                f"{self._done + 1}; run it in float32 on the processor, or use method tvl1"
            )
        self._held, self._done = self._held[good:], self._done + good
        return [np.ascontiguousarray(field) for field in fields[:good]]
