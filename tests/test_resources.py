"""How many processes and threads a job takes: what the machine gives it, not what the machine has."""

from __future__ import annotations

import os

import pytest

from kinema.resources import cores, threads


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processes are bound to processors on Linux")
def test_a_process_that_is_bound_to_one_processor_takes_one():
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)
    assert cores() == len(allowed)


@pytest.mark.parametrize(("asked", "count"), [("3", 3), ("1", 1), ("", None), ("0", None), ("4,2", None)])
def test_threads_are_as_many_as_openmp_is_told(asked, count, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert threads() == (count or cores())
