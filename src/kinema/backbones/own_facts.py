"""What is known of the backbones of Kinema's own table, and of other packages', before they are loaded."""

import csv
import warnings
from importlib import resources

from ..errors import UsageError
from .libraries.entry import Facts
from .table import backbone_names, backbone_spec, feature_dim


def own_facts() -> list[Facts]:
    """In the order of the table; counts from catalogue/kinema.csv, which bench/_catalogue.py writes."""
    file = resources.files("kinema.backbones") / "catalogue" / "kinema.csv"
    lines = file.read_text(encoding="utf-8").splitlines()
    counted = {row["name"]: row for row in csv.DictReader(lines)}
    found = []
    for name in backbone_names():
        try:
            found.append(_facts(name, counted.get(name, {})))
        except UsageError as error:  # another package's, which cannot be loaded
            warnings.warn(str(error), stacklevel=2)
    return found


def _facts(name: str, counted: dict[str, str]) -> Facts:
    spec = backbone_spec(name)
    files = next(iter(spec.weights.values()), ())
    return Facts(
        name=name,
        input=spec.input,
        dim=feature_dim(name),
        parameters=int(counted["parameters"]) if counted.get("parameters") else None,
        gflops=float(counted["gflops"]) if counted.get("gflops") else None,
        accuracy=float(counted["accuracy"]) if counted.get("accuracy") else None,
        measured_on=counted.get("measured_on", ""),
        licence=files[0].licence if files else "no weights: trained on your data",
    )
