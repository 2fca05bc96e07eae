"""Which stretches of video to label first: the least sure, and the least like what is labelled already."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..types import FeatureSequence

TINY = 1e-6
BLOCK = 1024  # of what is known, compared at once


@dataclass(frozen=True, slots=True)
class Stretch:
    """Seconds `start` to `end` of a video, `uncertainty` in 0 to 1, and its mean features float [D]."""

    video: str
    start: float
    end: float
    uncertainty: float
    vector: np.ndarray


def stretches_of(
    video: str, sequence: FeatureSequence, scores: np.ndarray, seconds: float = 8.0
) -> list[Stretch]:
    """A video cut into stretches of `seconds`; `scores` [T, C] are those of the steps of `sequence`.

    A stretch is as uncertain as its steps are on average, and a step as its least certain class: the entropy
    of its score in bits.
    """
    if not len(sequence):
        return []
    likely = np.clip(scores.astype(np.float64), TINY, 1 - TINY)
    entropy = (-likely * np.log2(likely) - (1 - likely) * np.log2(1 - likely)).max(1)
    times, last = sequence.pts_seconds, float(sequence.pts_seconds[-1])
    edges = [*np.arange(0.0, max(last - seconds / 2, TINY), seconds).tolist(), last + TINY]
    found = []
    for start, end in pairwise(edges):
        first, stop = np.searchsorted(times, [start, end])
        if stop > first:
            vector = sequence.data[first:stop].mean(0)
            found.append(Stretch(video, start, end, float(entropy[first:stop].mean()), vector))
    return found


def propose(
    open_ones: Sequence[Stretch], labelled: Sequence[Stretch], count: int, *, share: float = 0.5
) -> list[int]:
    """Numbers of the `count` stretches of `open_ones` to look at next, the first one first.

    One after the other the stretch of the highest sum of two values: its uncertainty, and its distance to the
    nearest stretch that is labelled or proposed already, each as a part of the highest that is left. So what
    is proposed together is not all alike. `share` is the weight of the uncertainty, 0 to 1.
    """
    if not open_ones:
        return []
    vectors = np.stack([one.vector for one in open_ones]).astype(np.float64)
    spread = vectors.std(0) + TINY
    vectors = vectors / spread
    unsure = np.array([one.uncertainty for one in open_ones])
    known = np.stack([one.vector for one in labelled]) / spread if labelled else vectors.mean(0)[None]
    far = _nearest(vectors, known)
    left = np.ones(len(open_ones), bool)
    order: list[int] = []
    for _ in range(min(count, len(open_ones))):
        value = share * _part(unsure, left) + (1 - share) * _part(far, left)
        best = int(np.where(left, value, -np.inf).argmax())
        order.append(best)
        left[best] = False
        far = np.minimum(far, np.linalg.norm(vectors - vectors[best], axis=1))
    return order


def _nearest(vectors: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The distance of each of `vectors` [N, D] to the nearest of `known` [M, D]."""
    squares = (vectors**2).sum(1)
    found = np.full(len(vectors), np.inf)
    for start in range(0, len(known), BLOCK):
        some = known[start : start + BLOCK]
        between = squares[:, None] + (some**2).sum(1) - 2 * vectors @ some.T
        found = np.minimum(found, between.min(1))
    return np.sqrt(np.maximum(found, 0.0))


def _part(values: np.ndarray, left: np.ndarray) -> np.ndarray:
    return values / max(float(values[left].max()), TINY)
