"""Protocols: how the rounds of training and testing behind an accuracy are averaged."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from statistics import NormalDist, fmean, stdev
from typing import Any

import numpy as np

from ..recipe import Protocol
from .metrics import confidence_interval, per_class
from .rounds import BY_GROUP, RANDOM, Round

_MEANS = ("accuracy", "top3", "top5", "mean_class_accuracy", "majority_baseline", "shuffled_accuracy", "ece")


def counted_rounds(kind: str, made: Sequence[Round]) -> list[int]:
    """The rounds that the headline figure is made of: of `random_and_group`, those by group alone."""
    return [i for i, r in enumerate(made) if kind != "random_and_group" or r.part == BY_GROUP]


def summarise(
    protocol: Protocol, made: Sequence[Round], metrics: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """metrics.json of the whole: the keys of a single run, and `protocol`.

    Accuracies are means over the counted rounds. `confusion` and `per_class` are pooled over them;
    `n_test` is the number of tests per seed. Under leave-one-group-out every video is tested once, so
    `mean_class_accuracy` is the mean recall of the pooled matrix (a single group may lack a class) and
    `ci95` is drawn over the rounds. Elsewhere `ci95` is the mean of the rounds' bounds: right where rounds
    share their test videos, wider than needed where they do not. `std` is None for a single round.
    """
    of_seed: dict[int, list[Mapping[str, Any]]] = {}
    for i in counted_rounds(protocol.kind, made):
        of_seed.setdefault(made[i].seed, []).append(metrics[i])
    counted = list(chain(*of_seed.values()))
    means: dict[str, Any] = {key: fmean(m[key] for m in counted) for key in _MEANS if key in counted[0]}
    labels, confusion = pooled_confusion(counted)
    classes = per_class(confusion, labels)
    bounds = [m["ci95"] for m in counted]
    if protocol.kind == "leave_one_group_out":
        means["mean_class_accuracy"] = fmean(c["recall"] for c in classes if c["support"])
        bounds = [_over_rounds(own) for own in of_seed.values()]
    kept = ("accuracy", "mean_class_accuracy")
    report: dict[str, Any] = {
        "kind": protocol.kind,
        "seeds": protocol.seeds,
        "rounds": [round_row(r, m) for r, m in zip(made, metrics, strict=True)],
        "mean": {key: means[key] for key in kept},
        "std": {key: spread([m[key] for m in counted]) for key in kept},
    }
    if protocol.seeds > 1:
        rows = [{"seed": s} | {k: fmean(m[k] for m in own) for k in kept} for s, own in of_seed.items()]
        report |= {"per_seed": rows, "seed_std": {key: spread([row[key] for row in rows]) for key in kept}}
    if protocol.kind == "random_and_group":
        report |= _compare(made, metrics)
    return means | {
        "majority_class": Counter(m["majority_class"] for m in counted).most_common(1)[0][0],
        "ci95": _mean_bounds(bounds),
        "ci95_over": "rounds" if protocol.kind == "leave_one_group_out" else counted[0]["ci95_over"],
        "n_test": round(sum(m["n_test"] for m in counted) / protocol.seeds),
        "split": _words(protocol, counted),
        "confusion": confusion.tolist(),
        "per_class": classes,
        "subsets": pooled_subsets(counted, protocol.seeds),
        "protocol": report,
    }


def pooled_confusion(metrics: Sequence[Mapping[str, Any]]) -> tuple[list[str], np.ndarray]:
    """Labels of all rounds, in order of appearance, and the sum of their confusion matrices, int [C, C]."""
    labels = list(dict.fromkeys(c["label"] for m in metrics for c in m["per_class"]))
    pooled = np.zeros((len(labels), len(labels)), int)
    for m in metrics:
        at = [labels.index(c["label"]) for c in m["per_class"]]
        pooled[np.ix_(at, at)] += np.asarray(m["confusion"], int)
    return labels, pooled


def differ(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool | None:
    """Whether two accuracies lie further apart than their 95 % intervals explain.

    The standard error of each is its interval's width over 2 * 1.96; the two are taken as independent.
    None where an interval is not known.
    """
    if a["ci95"] is None or b["ci95"] is None:
        return None
    quantile = NormalDist().inv_cdf(0.975)
    errors = [(m["ci95"][1] - m["ci95"][0]) / (2 * quantile) for m in (a, b)]
    return abs(a["accuracy"] - b["accuracy"]) > quantile * math.hypot(*errors)


def round_row(made: Round, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """The row of one round in `protocol.rounds`."""
    keys = ("accuracy", "mean_class_accuracy", "ci95", "n_test", "split")
    row = {"name": made.part, "seed": made.seed, "run": f"rounds/{made.folder}"}
    return row | {k: metrics[k] for k in keys}


def spread(values: Sequence[float]) -> float | None:
    """Standard deviation of a sample; None for a single value."""
    return stdev(values) if len(values) > 1 else None


def _over_rounds(metrics: Sequence[Mapping[str, Any]]) -> list[float] | None:
    """The interval of an accuracy whose groups are the rounds."""
    hits = [np.arange(m["n_test"]) < round(m["accuracy"] * m["n_test"]) for m in metrics]
    return confidence_interval(np.concatenate(hits), [str(i) for i, h in enumerate(hits) for _ in h])


def _mean_bounds(bounds: Iterable[Sequence[float] | None]) -> list[float] | None:
    """The mean of intervals; None where one of them is not known."""
    known = list(bounds)
    whole = [b for b in known if b is not None]
    return [fmean(side) for side in zip(*whole, strict=True)] if len(whole) == len(known) else None


def _compare(made: Sequence[Round], metrics: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Mean, spread and interval of both splits side by side, and whether they differ."""
    sides = {}
    for part in (RANDOM, BY_GROUP):
        own = [m for r, m in zip(made, metrics, strict=True) if r.part == part]
        sides[part] = {
            "accuracy": fmean(m["accuracy"] for m in own),
            "std": spread([m["accuracy"] for m in own]),
            "ci95": _mean_bounds(m["ci95"] for m in own),
        }
    return {"compared": sides, "differ": differ(sides[RANDOM], sides[BY_GROUP])}


def pooled_subsets(metrics: Sequence[Mapping[str, Any]], seeds: int) -> dict[str, Any]:
    """Figures of each subset of classes: means over its test videos, however they are spread over rounds."""
    out: dict[str, Any] = {}
    for name in metrics[0].get("subsets", {}):
        own = [m["subsets"][name] for m in metrics if m["subsets"][name]["n_test"]]
        counts = [s["n_test"] for s in own]
        keys = [k for k in own[0] if k != "n_test"] if own else ["accuracy", "shuffled_accuracy"]
        means = {key: fmean([s[key] for s in own], counts) if own else None for key in keys}
        out[name] = {"n_test": round(sum(counts) / seeds)} | means
    return out


def _words(protocol: Protocol, metrics: Sequence[Mapping[str, Any]]) -> str:
    each = len(metrics) // protocol.seeds
    words = {
        "official_splits": f"mean over {each} official splits",
        "leave_one_group_out": f"leave-one-group-out, {each} rounds",
    }.get(protocol.kind, metrics[0]["split"])
    return f"{words}; mean over {protocol.seeds} seeds" if protocol.seeds > 1 else words
