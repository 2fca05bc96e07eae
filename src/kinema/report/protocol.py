"""The protocol's section of a report: every round, mean and spread, and what the split was worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .data import Section, Table

_KINDS = {
    "split": "One split, trained with several seeds.",
    "official_splits": "Trained and tested on every official split; the result is the mean.",
    "leave_one_group_out": "Each group is tested by a model that was trained on the others.",
    "people": "Trained and tested on different people.",
    "random_and_group": (
        "The same videos split at random, where clips of one group may be on both sides, and by group."
        " The result above is the one by group."
    ),
}


def protocol_section(protocol: Mapping[str, Any]) -> Section:
    """The `protocol` entry of metrics.json as a section with its tables."""
    seeded = protocol["seeds"] > 1
    tables = [_rounds(protocol, seeded)]
    if "compared" in protocol:
        tables.insert(0, _compared(protocol))
    if seeded:
        rows = [(r["seed"], _percent(r["accuracy"])) for r in protocol["per_seed"]]
        spread = _percent(protocol["seed_std"]["accuracy"])
        tables.append(Table("Seeds", ("seed", "accuracy"), rows, f"standard deviation over seeds: {spread}"))
    return Section("Protocol", _KINDS[protocol["kind"]], tuple(tables))


def _rounds(protocol: Mapping[str, Any], seeded: bool) -> Table:
    columns = (
        "round",
        *(["seed"] if seeded else []),
        "tests",
        "accuracy",
        "95 % interval",
        "mean of classes",
    )
    rows = [
        (
            r["name"],
            *([r["seed"]] if seeded else []),
            r["n_test"],
            _percent(r["accuracy"]),
            _interval(r["ci95"]),
            _percent(r["mean_class_accuracy"]),
        )
        for r in protocol["rounds"]
    ]
    mean, std = protocol["mean"], protocol["std"]
    note = f"accuracy {_with_spread(mean['accuracy'], std['accuracy'])}"
    note += f", mean of classes {_with_spread(mean['mean_class_accuracy'], std['mean_class_accuracy'])}"
    return Table("Rounds", columns, rows, f"{note} (mean ± standard deviation over rounds)")


def _compared(protocol: Mapping[str, Any]) -> Table:
    rows = [
        (name, _with_spread(side["accuracy"], side["std"]), _interval(side["ci95"]))
        for name, side in protocol["compared"].items()
    ]
    note = (
        "The two differ by more than their uncertainty: at random, clips of one group are on both sides."
        if protocol["differ"]
        else "The two do not differ by more than their uncertainty."
    )
    return Table("Random beside group-aware", ("split", "accuracy", "95 % interval"), rows, note)


def _with_spread(mean: float, std: float | None) -> str:
    return _percent(mean) if std is None else f"{_percent(mean)} ± {_percent(std)}"


def _interval(bounds: list[float]) -> str:
    return f"{_percent(bounds[0])} to {_percent(bounds[1])}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"
