"""Edge policies: what stands in for frames that a short video does not have."""

from collections.abc import Callable

import numpy as np

from ..errors import MediaError


def repeat_last(indices: np.ndarray, count: int) -> np.ndarray:
    """Fill up with the last index: [0, 1, 2] to 5 gives [0, 1, 2, 2, 2]."""
    return np.concatenate([indices, np.full(count - len(indices), indices[-1])])


def wrap(indices: np.ndarray, count: int) -> np.ndarray:
    """Start over: [0, 1, 2] to 5 gives [0, 1, 2, 0, 1]."""
    return indices[np.arange(count) % len(indices)]


def error(indices: np.ndarray, count: int) -> np.ndarray:
    """Refuse: a video that is too short is an error."""
    raise MediaError(f"{len(indices)} frames where {count} are needed; choose policy repeat_last or wrap")


POLICIES: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "repeat_last": repeat_last,
    "wrap": wrap,
    "error": error,
}


def fill(indices: np.ndarray, count: int, policy: str) -> np.ndarray:
    """`indices` int64 [k], k >= 1, filled up to `count` by the named policy; unchanged when k >= count."""
    return indices if len(indices) >= count else POLICIES[policy](indices, count)
