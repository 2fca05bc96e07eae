"""How many cells are trained side by side."""

from __future__ import annotations

import pytest

import kinema.workflows.study_jobs as study_jobs
from kinema.errors import UsageError
from kinema.resources import Resources
from kinema.workflows.study import StudyOptions


@pytest.mark.parametrize(
    ("asked", "cells", "gigabytes", "gpus", "jobs"),
    [
        (None, 100, 64, 0, 8),  # as many as threads
        (None, 3, 64, 0, 3),
        (None, 100, 10, 0, 3),  # as memory allows
        (None, 100, 1, 0, 1),
        (None, 100, 64, 1, 1),  # a GPU has one at a time
        (None, 100, 64, 4, 4),
        (5, 100, 1, 1, 5),  # what was asked for
        (5, 2, 64, 0, 2),
        (None, 0, 64, 0, 1),
    ],
)
def test_as_many_as_the_machine_allows(
    asked: int | None, cells: int, gigabytes: int, gpus: int, jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study_jobs, "threads", lambda: 8)
    monkeypatch.setattr(study_jobs, "gpus", lambda: gpus)
    monkeypatch.setattr(study_jobs, "free_memory", lambda: gigabytes * 10**9)
    assert study_jobs.side_by_side(asked, cells, Resources()) == jobs


def test_on_the_processor_a_gpu_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study_jobs, "threads", lambda: 8)
    monkeypatch.setattr(study_jobs, "gpus", lambda: 1)
    monkeypatch.setattr(study_jobs, "free_memory", lambda: 64 * 10**9)
    assert study_jobs.side_by_side(None, 100, Resources(device="cpu")) == 8


def test_none_is_no_number_of_jobs() -> None:
    with pytest.raises(UsageError, match="jobs=0: give 1 or more"):
        StudyOptions(jobs=0)
