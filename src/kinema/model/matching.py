"""Found segments against true ones: which of them count as found, at an overlap in time."""

from collections.abc import Sequence

Spans = Sequence[tuple[float, float]]


def overlap(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Intersection over union of two spans."""
    shared = min(a[1], b[1]) - max(a[0], b[0])
    return shared / (max(a[1], b[1]) - min(a[0], b[0])) if shared > 0 else 0.0


def match(found: Spans, true: Spans, least: float) -> list[int | None]:
    """For every found span the number of the true one that it counts for, None where it is a false alarm.

    As the segmental F1 has it (Lea et al. 2017, arXiv:1611.05267): a span goes to the true one that it
    overlaps most, if by `least` or more and if no span before it has. Both are of one class and one file.
    """
    taken: set[int] = set()
    matched: list[int | None] = []
    for span in found:
        best = max(range(len(true)), key=lambda number: overlap(span, true[number]), default=None)
        hit = best is not None and best not in taken and overlap(span, true[best]) >= least
        matched.append(best if hit else None)
        if hit and best is not None:
            taken.add(best)
    return matched


def f1(hits: int, found: int, true: int) -> float:
    """2 hits / (found + true); 1 where there is nothing to find and nothing was found."""
    return 2 * hits / (found + true) if found + true else 1.0
