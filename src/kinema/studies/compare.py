"""Is one row better than another? A paired test over the same test videos, corrected for their number.

Clips of one group are alike, so a group is one observation: under the null hypothesis the sign of its
difference is a coin toss (Fisher's randomisation test, exact for few groups, else by draws). Where the
observations are single videos answered once, this is McNemar's exact test. The p-values of all comparisons
are corrected by Holm's step-down procedure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from scipy.stats import binomtest

from ..datasets.dataset import counted

LEVEL = 0.05
DRAWS = 20_000
_EXACT = 14  # observations that differ up to which all signs are tried


@dataclass(frozen=True, slots=True)
class Comparison:
    """Row `better` less row `than`, in accuracy (0 to 1), over `videos` videos of `units` observations.

    `interval` is 95 %, by a bootstrap over the observations. `p` is corrected once all comparisons are
    known; None where no result could have been significant.
    """

    better: str
    than: str
    difference: float
    interval: tuple[float, float]
    videos: int
    units: int
    grouped: bool
    p: float | None

    @property
    def significant(self) -> bool:
        """Whether the two differ at the level of 5 % after the correction."""
        return self.p is not None and self.p < LEVEL

    @property
    def observations(self) -> str:
        """How many groups, or videos, the two were compared on."""
        return counted(self.units, "group" if self.grouped else "video")

    @property
    def words(self) -> str:
        """What may be said of the two rows."""
        low, high = (100 * bound for bound in self.interval)
        if self.p is None:
            return f"{100 * self.difference:+.1f} points: {self.observations}, too few to tell"
        points = f"{100 * self.difference:+.1f} points (95 % interval {low:+.1f} to {high:+.1f})"
        p = "p < 0.001" if self.p < 0.001 else f"p = {self.p:.3f}"
        found = "they differ" if self.significant else "no difference shown"
        return f"{points}, {p}: {found}"


def compare(
    hits: Mapping[str, Mapping[str, float]], units: Mapping[str, str], reference: str
) -> list[Comparison]:
    """Every row against the reference, over the videos that both were tested on.

    `hits` holds, by row, the share of right answers to each video; `units` the observation that each video
    belongs to.
    """
    others = [name for name in hits if name != reference and hits[name] and hits.get(reference)]
    made = [_compared(name, reference, hits[name], hits[reference], units, len(others)) for name in others]
    return _holm([one for one in made if one is not None])


def _compared(
    name: str,
    reference: str,
    a: Mapping[str, float],
    b: Mapping[str, float],
    units: Mapping[str, str],
    comparisons: int,
) -> Comparison | None:
    videos = sorted(a.keys() & b.keys())
    if not videos:
        return None
    difference = np.array([a[v] - b[v] for v in videos])
    names, cluster = np.unique([units[v] for v in videos], return_inverse=True)
    sums, sizes = np.bincount(cluster, weights=difference), np.bincount(cluster)
    grouped = len(names) < len(videos)
    p: float | None = sign_test(sums)
    if comparisons * 2.0 ** (1 - len(names)) >= LEVEL:
        p = None
    interval = _bootstrap(sums, sizes)
    return Comparison(
        name, reference, float(difference.mean()), interval, len(videos), len(names), grouped, p
    )


def sign_test(differences: np.ndarray) -> float:
    """Two-sided p-value of differences float [N] whose signs are coin tosses under the null hypothesis.

    >>> sign_test(np.array([1.0, 1, 1, 1, 1, 1]))  # 2 / 2 ** 6
    0.03125
    """
    sizes = np.abs(differences[np.abs(differences) > 1e-12])
    if not len(sizes):
        return 1.0
    if np.ptp(sizes) < 1e-12:
        positive = int((differences > 1e-12).sum())
        return float(binomtest(positive, len(sizes), 0.5).pvalue)
    found = abs(differences.sum()) - 1e-9
    if len(sizes) <= _EXACT:
        signs = np.array(list(product((-1.0, 1.0), repeat=len(sizes))))
        return float((np.abs(signs @ sizes) >= found).mean())
    signs = np.random.default_rng(0).choice((-1.0, 1.0), (DRAWS, len(sizes)))
    return float((1 + (np.abs(signs @ sizes) >= found).sum()) / (1 + DRAWS))


def _bootstrap(sums: np.ndarray, sizes: np.ndarray) -> tuple[float, float]:
    draws = np.random.default_rng(0).integers(0, len(sums), (2000, len(sums)))
    low, high = np.percentile(sums[draws].sum(1) / sizes[draws].sum(1), [2.5, 97.5])
    return float(low), float(high)


def _holm(made: Sequence[Comparison]) -> list[Comparison]:
    """Holm's correction: the k-th smallest of m p-values times m - k + 1, never falling."""
    known = sorted((i for i, one in enumerate(made) if one.p is not None), key=lambda i: made[i].p or 0.0)
    corrected, least = list(made), 0.0
    for rank, i in enumerate(known):
        least = min(1.0, max(least, (len(known) - rank) * (made[i].p or 0.0)))
        corrected[i] = replace(made[i], p=least)
    return corrected
