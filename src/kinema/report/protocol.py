"""The protocol's section of a report: every round, mean and spread, and random against grouped."""

from collections.abc import Mapping
from typing import Any

from .data import Section, Table
from .markup import percent

_KINDS = {
    "split": "One split, trained with several seeds.",
    "official_splits": "Trained and tested on every official split; the result is the mean.",
    "leave_one_group_out": "Each group is tested by a model that was trained on the others.",
    "folds": "Each video is tested by a model that was trained on the other folds.",
    "people": "Trained and tested on different people.",
    "random": "A random split: clips of one group may be on both sides, which makes the score too high.",
    "random_and_group": (
        "The same videos split at random, where clips of one group may be on both sides, and by group."
        " The result above is the one by group."
    ),
}


def protocol_section(protocol: Mapping[str, Any]) -> Section:
    """The `protocol` entry of metrics.json as a section with its tables."""
    tables = [_rounds(protocol)]
    if "compared" in protocol:
        tables.insert(0, _compared(protocol))
    if protocol["seeds"] > 1:
        rows = [(r["seed"], percent(r["accuracy"])) for r in protocol["per_seed"]]
        spread = percent(protocol["seed_std"]["accuracy"])
        tables.append(Table("Seeds", ("seed", "accuracy"), rows, f"standard deviation over seeds: {spread}"))
    intro = f"{_KINDS[protocol['kind']]}{_model(protocol)}"
    return Section("Protocol", intro, tuple(tables))


def _model(protocol: Mapping[str, Any]) -> str:
    """Which round's model the run holds."""
    if "trained_on" in protocol:
        return f" The saved model is one more, trained on all {protocol['trained_on']} videos."
    own = next((r for r in protocol["rounds"] if r.get("run") == protocol.get("model")), None)
    if own is None:
        return ""
    return (
        f" The saved model is the model of round {own['name']}, seed {own['seed']}, which reached"
        f" {percent(own['accuracy'])} itself."
    )


def _rounds(protocol: Mapping[str, Any]) -> Table:
    columns = ("round", "seed", "tests", "accuracy", "95 % interval", "mean of classes")
    rows = [
        (r["name"], r["seed"], r["n_test"], percent(r["accuracy"]), _interval(r["ci95"]),
         percent(r["mean_class_accuracy"]))
        for r in protocol["rounds"]
    ]  # fmt: skip
    mean, std = protocol["mean"], protocol["std"]
    accuracy, classes = (_with_spread(mean[k], std[k]) for k in ("accuracy", "mean_class_accuracy"))
    note = f"accuracy {accuracy}, mean of classes {classes} (mean ± standard deviation over rounds)"
    return Table("Rounds", columns, rows, note)


def _compared(protocol: Mapping[str, Any]) -> Table:
    rows = [
        (name, _with_spread(side["accuracy"], side["std"]), _interval(side["ci95"]))
        for name, side in protocol["compared"].items()
    ]
    note = {
        True: "The two differ by more than their uncertainty: random splits cut groups.",
        False: "The two do not differ by more than their uncertainty.",
        None: "There are too few groups to say whether the two differ.",
    }[protocol["differ"]]
    return Table("Random beside group-aware", ("split", "accuracy", "95 % interval"), rows, note)


def _with_spread(mean: float, std: float | None) -> str:
    return percent(mean) if std is None else f"{percent(mean)} ± {percent(std)}"


def _interval(bounds: list[float] | None) -> str:
    if bounds is None:
        return "too few groups"
    return f"{percent(bounds[0])} to {percent(bounds[1])}"
