"""Every study that comes with Kinema runs to its end: `--quick`, random weights, one-second clips."""

from __future__ import annotations

from pathlib import Path

import pytest

from kinema.resources import Resources
from kinema.studies.load import study_names
from kinema.workflows.study import StudyOptions, run_study
from support.splits import make_listed

# KTH's people are in no other data.
OTHER_PROTOCOL = {"vgg16-lstm-figure-4": ["protocol.kind=official_splits"]}


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_listed(tmp_path_factory.mktemp("listed") / "ucf101")


@pytest.mark.slow
@pytest.mark.parametrize("name", study_names())
def test_every_study_runs_to_its_end(name: str, listed: Path, tmp_path: Path) -> None:
    """Features are shared by all of them, as the store is."""
    result = run_study(
        name,
        listed,
        out=tmp_path / "out",
        overrides=OTHER_PROTOCOL.get(name, []),
        options=StudyOptions(layout="ucf101", quick=True),
        resources=Resources(weights="none", features=listed.parent / "features", device="cpu"),
    )
    assert {cell.state for cell in result.cells} == {"done"}
    assert all(row.value("accuracy")[0] is not None for row in result.rows)
    for file in ("study.html", "study.md", "study.csv", "study.tex", "cells.csv", "results.json"):
        assert (result.folder / file).stat().st_size > 100
