"""The protocol `folds`: the figures of all folds together, and what is said of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

import numpy as np

from ..datasets import Dataset
from ..datasets.dataset import counted, some
from ..datasets.units import group_units
from ..recipe import Protocol
from ..types import VideoRecord
from .calibration import calibration_metrics
from .metrics import classification_metrics
from .predictions import Answers
from .protocols import pooled_subsets, round_row, spread, summarise
from .rounds import Round


def folds_line(why: str, folds: int, videos: int) -> str:
    """The line for console and report."""
    reason = f"{why}: " if why else ""
    return f"{reason}measured by {folds} folds; the saved model is trained on all {videos} videos"


def never_tested(made: Sequence[Round]) -> list[str]:
    """A warning that names the classes of videos that no fold tests; nothing where all are tested."""
    tested = {r.id for one in made for r in one.dataset.part("test")}
    left = [r for r in made[0].dataset.records if r.id not in tested]
    if not left:
        return []
    classes = dict.fromkeys(r.label or "" for r in left)
    return [
        f"{counted(len(left), 'video')} never tested, since a class would be gone from training"
        f" ({some(classes)}): add videos of other groups or files to it"
    ]


def trained_on_all(made: Sequence[Round]) -> Dataset:
    """The data of the run's own model: every video in train."""
    dataset = made[0].dataset
    records = tuple(replace(r, split="train") for r in dataset.records)
    return replace(dataset, records=records, split_source=_words(made))


def pool_folds(
    protocol: Protocol,
    made: Sequence[Round],
    metrics: Sequence[Mapping[str, Any]],
    answers: Sequence[Answers],
) -> dict[str, Any]:
    """metrics.json of all folds: every figure is over all tested videos, as if they were one test set.

    `metrics` and `answers` are those of the rounds. With several seeds, means over the seeds.
    """
    wholes, pooled = [], []
    for seed in dict.fromkeys(one.seed for one in made):
        own = [i for i, one in enumerate(made) if one.seed == seed]
        wholes.append(Round("all folds", made[own[0]].dataset, seed))
        pooled.append(_pooled([made[i] for i in own], [metrics[i] for i in own], [answers[i] for i in own]))
    found = summarise(protocol, wholes, pooled)
    if len(pooled) == 1 and "reliability" in pooled[0]:
        found["reliability"] = pooled[0]["reliability"]
    kept = ("accuracy", "mean_class_accuracy")
    found["protocol"] |= {
        "rounds": [round_row(one, m) for one, m in zip(made, metrics, strict=True)],
        "std": {key: spread([m[key] for m in metrics]) for key in kept},
    }
    return found


def _pooled(
    made: Sequence[Round], metrics: Sequence[Mapping[str, Any]], answers: Sequence[Answers]
) -> dict[str, Any]:
    dataset = made[0].dataset
    records = [record for own in answers for record in own.records]
    scores = np.concatenate([own.scores for own in answers])
    truth = np.array([dataset.labels.index(r.label or "") for r in records])
    groups, over = _groups(records)
    found = classification_metrics(
        scores,
        truth,
        dataset.labels,
        train_counts=[sum(row.values()) for row in dataset.counts().values()],
        groups=groups,
        split=_words(made),
    )
    counts = [m["n_test"] for m in metrics]
    return found | {
        **calibration_metrics(scores, truth),
        "ci95_over": over,
        "shuffled_accuracy": fmean([m["shuffled_accuracy"] for m in metrics], counts),
        "subsets": pooled_subsets(metrics, 1),
    }


def _groups(records: Sequence[VideoRecord]) -> tuple[Sequence[str | None], str]:
    """What the interval is drawn over, by record: groups where any is known, else files that have parts."""
    units = group_units(records)
    if any(r.group is not None for r in records):
        return units, "groups"
    return (units, "files") if len(set(units)) < len(units) else ([None] * len(records), "videos")


def _words(made: Sequence[Round]) -> str:
    units = "whole groups" if made[0].dataset.groups else "files at random"
    count = len({one.part for one in made})
    return f"{count} folds of {units}, seed {made[0].seed}"
