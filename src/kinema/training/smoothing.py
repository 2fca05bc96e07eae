"""The smoothing whose segments match those of held-out files best."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, product

import numpy as np

from ..model.matching import f1, match
from ..model.smoothing import Smoothing, class_spans, running_mean, step_seconds
from .lanes import TimelineItem

OVERLAP = 0.5
ON, EACH_ON = (0.3, 0.4, 0.5, 0.6, 0.7), (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
OFF = (1.0, 0.6)  # of `on`
WINDOWS, SECONDS = (0.0, 0.5, 1.0), (0.0, 0.25, 0.5, 1.0, 2.0)
# A setting that waits less is taken if its F1 is lower by no more than this. Where a model goes along with a
# camera, waiting costs; one that needs what comes has waited already.
CLOSE_ONE_WAY, CLOSE_BOTH = 0.02, 0.005
# Of a class with fewer segments the threshold is that of all classes.
FEWEST_SEGMENTS = 10


@dataclass(frozen=True, slots=True)
class _File:
    """One held-out file: smoothed scores [T, C] by window, edges [T + 1], true spans by class."""

    smooth: dict[float, np.ndarray]
    edges: np.ndarray
    true: list[list[tuple[float, float]]]


def choose_smoothing(
    scores: Sequence[np.ndarray], items: Sequence[TimelineItem], labels: Sequence[str], *, both: bool
) -> Smoothing:
    """The smoothing of the best segmental F1 at 50 % overlap, over all classes and files together.

    `scores` [T, C] are those of the items, by a model that did not see them. No gap is bridged that is
    longer than
    half of the short gaps between segments, and nothing dropped that lasts half as long as the short
    segments: both are taken from the files. The threshold of each class is then its own.
    """
    files = [_file(own, item, labels, both=both) for own, item in zip(scores, items, strict=True)]
    classes = len(labels)
    tried = []
    for window, on, off, gap, hold in product(
        WINDOWS, ON, OFF, _allowed(_gaps(files)), _allowed(_lengths(files))
    ):
        one = Smoothing(np.full(classes, on), np.full(classes, on * off), window, gap, hold)
        counts = np.sum([_counts(files, one, label) for label in range(classes)], axis=0)
        tried.append((f1(*counts.tolist()), one))
    best = max(value for value, _ in tried)
    near = [one for value, one in tried if value >= best - (CLOSE_BOTH if both else CLOSE_ONE_WAY)]
    chosen = min(near, key=lambda one: one.hold + one.window / 2 + one.gap / 4)
    return _each(files, chosen, classes)


def _each(files: Sequence[_File], shared: Smoothing, classes: int) -> Smoothing:
    """The same smoothing with a threshold for every class that has segments enough."""
    ratio = shared.off[0] / shared.on[0]
    on = shared.on.copy()
    for label in range(classes):
        if sum(len(file.true[label]) for file in files) < FEWEST_SEGMENTS:
            continue
        tried = {}
        for value in sorted(EACH_ON, key=lambda value: abs(value - shared.on[label])):
            own = replace(shared, on=np.full(classes, value), off=np.full(classes, ratio * value))
            tried[value] = f1(*_counts(files, own, label).tolist())
        on[label] = max(tried, key=lambda value: tried[value])
    return replace(shared, on=on, off=ratio * on)


def _counts(files: Sequence[_File], smoothing: Smoothing, label: int) -> np.ndarray:
    """Hits, found and true segments of one class, int [3]."""
    counts = np.zeros(3, int)
    for file in files:
        spans = class_spans(file.smooth[smoothing.window][:, label], file.edges, smoothing, label)
        found = [(float(file.edges[a]), float(file.edges[b])) for a, b in spans]
        hits = sum(one is not None for one in match(found, file.true[label], OVERLAP))
        counts += [hits, len(found), len(file.true[label])]
    return counts


def _file(scores: np.ndarray, item: TimelineItem, labels: Sequence[str], *, both: bool) -> _File:
    edges = np.append(item.times, item.times[-1] + step_seconds(item.times))
    smooth = {window: running_mean(scores, item.times, window, both=both) for window in WINDOWS}
    true = [[(s.start_seconds, s.end_seconds) for s in item.truth if s.label == label] for label in labels]
    return _File(smooth, edges, true)


def _lengths(files: Sequence[_File]) -> list[float]:
    return [end - start for file in files for own in file.true for start, end in own]


def _gaps(files: Sequence[_File]) -> list[float]:
    return [later[0] - earlier[1] for file in files for own in file.true for earlier, later in pairwise(own)]


def _allowed(seconds: Sequence[float]) -> list[float]:
    """Of `SECONDS`, those up to half of what is short among `seconds`."""
    short = float(np.quantile(seconds, 0.05)) / 2 if seconds else 0.0
    return [value for value in SECONDS if value <= short] or [0.0]
