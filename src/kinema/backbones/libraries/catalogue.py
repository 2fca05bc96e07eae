"""The catalogues: facts of every published model of timm and torchvision, as CSV files. Imports no torch.

They are written by `bench/_catalogue.py` from the libraries' own configurations and published results, so
that a recipe is checked without the seconds that the libraries take.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any, cast

from ..spec import InputKind, InputSpec, Preprocessing
from .entry import Facts

COLUMNS = (
    "name", "kind", "size", "length", "fixed", "least", "multiple", "resize", "interpolation", "antialias",
    "pad", "mean", "std", "dim", "parameters", "gflops", "accuracy", "measured_on", "licence", "source",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row(Facts):
    """One model of a catalogue; `source` is the repository on the hub, or the address, of its values."""

    source: str


@cache
def catalogue(library: str) -> dict[str, Row]:
    """The models of one library by name, in alphabetical order."""
    file = resources.files("kinema.backbones") / "catalogue" / f"{library}.csv"
    lines = file.read_text(encoding="utf-8").splitlines()
    return {values["name"]: _row(values) for values in csv.DictReader(lines)}


def facts_of(library: str) -> list[Facts]:
    """The models of one library by the names that a recipe gives them."""
    return [replace(row, name=f"{library}/{row.name}") for row in catalogue(library).values()]


def written(row: Row) -> dict[str, Any]:
    """A model as the line of a catalogue; `_row` reads it back to an equal one."""
    spec, how = row.input, row.input.preprocessing
    assert how is not None, "a library's model has a preprocessing"
    assert spec.size is not None, "a library's model has a size"
    return {
        "name": row.name,
        "kind": spec.kind,
        "size": _sides(spec.size),
        "length": spec.length or "",
        "fixed": int(spec.fixed),
        "least": spec.least,
        "multiple": spec.multiple,
        "resize": how.resize if isinstance(how.resize, int) else _sides(how.resize),
        "interpolation": how.interpolation,
        "antialias": int(how.antialias),
        "pad": int(how.pad),
        "mean": " ".join(map(repr, how.mean)),
        "std": " ".join(map(repr, how.std)),
        "dim": row.dim,
        "parameters": row.parameters or "",
        "gflops": "" if row.gflops is None else f"{row.gflops:g}",
        "accuracy": "" if row.accuracy is None else f"{row.accuracy:g}",
        "measured_on": row.measured_on,
        "licence": row.licence,
        "source": row.source,
    }


def _row(values: dict[str, str]) -> Row:
    how = Preprocessing(
        resize=_parsed_sides(values["resize"]) if "x" in values["resize"] else int(values["resize"]),
        mean=tuple(float(v) for v in values["mean"].split()),
        std=tuple(float(v) for v in values["std"].split()),
        interpolation=cast(Any, values["interpolation"]),
        antialias=values["antialias"] == "1",
        pad=values["pad"] == "1",
    )
    spec = InputSpec(
        cast(InputKind, values["kind"]),
        size=_parsed_sides(values["size"]),
        length=int(values["length"]) if values["length"] else None,
        fixed=values["fixed"] == "1",
        least=int(values["least"]),
        multiple=int(values["multiple"]),
        preprocessing=how,
    )
    return Row(
        values["name"],
        spec,
        int(values["dim"]),
        int(values["parameters"]) if values["parameters"] else None,
        float(values["gflops"]) if values["gflops"] else None,
        float(values["accuracy"]) if values["accuracy"] else None,
        values["measured_on"],
        values["licence"],
        values["source"],
    )


def _sides(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _parsed_sides(text: str) -> tuple[int, int]:
    height, width = text.split("x")
    return int(height), int(width)
