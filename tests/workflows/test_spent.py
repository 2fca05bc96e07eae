"""What a training took, by hand-made facts."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from kinema.extraction.extract import ExtractReport
from kinema.workflows import memory
from kinema.workflows.memory import PeakMemory, held
from kinema.workflows.spent import MB, Spent


def report(stream: str, extracted: int, reused: int, seconds: float) -> ExtractReport:
    return ExtractReport(stream, "f", extracted=extracted, reused=reused, seconds=seconds)


def spent(**streams: tuple[int, int, float]) -> Spent:
    made = Spent()
    made.extraction({name: report(name, *facts) for name, facts in streams.items()})
    return made


def test_a_video_costs_what_it_costs_in_each_stream_that_was_computed() -> None:
    one = spent(rgb=(10, 90, 5.0), flow=(4, 96, 8.0), sound=(0, 100, 0.2))
    assert one.extraction_rate == pytest.approx(1 / (0.5 + 2.0))
    found = one.metrics()
    assert found["seconds"] == {"extract rgb": 5.0, "extract flow": 8.0}  # looking took no part
    assert found["extracted"]["flow"] == {"computed": 4, "reused": 96}
    assert found["extracted"]["sound"] == {"computed": 0, "reused": 100}


def test_nothing_is_said_of_what_was_not_done() -> None:
    found = spent(rgb=(0, 100, 0.1)).metrics()
    assert found["videos_per_second"] == {"extraction": None, "training": None}
    assert found["seconds"] == {}


def test_training_and_its_evaluation_are_one_rate_and_studies_none() -> None:
    one = Spent({"train backbones": 6.0, "train temporal": 3.0, "evaluate": 1.0, "data": 50.0}, learned=20)
    assert one.training_rate == pytest.approx(2.0)


def test_the_parts_of_many_rounds_are_summed_and_what_one_extraction_gave_them_is_counted_once() -> None:
    rounds = [spent(rgb=(0, 30, 0.1)) for _ in range(3)]
    for number, one in enumerate(rounds, start=1):
        one.seconds |= {"train temporal": 2.0, "evaluate": 1.0}
        one.learned, one.memory = 30, 100 * number * MB
    whole = spent(rgb=(12, 18, 6.0))
    whole.shared = True
    for one in rounds:  # as they are read again from finished rounds
        whole.add(Spent.of(json.loads(json.dumps(one.metrics()))))
    found = whole.metrics()
    assert found["extracted"] == {"rgb": {"computed": 12, "reused": 18}}
    assert found["seconds"] == {"extract rgb": 6.0, "train temporal": 6.0, "evaluate": 3.0}
    assert found["videos_per_second"] == {"extraction": pytest.approx(2.0), "training": pytest.approx(10.0)}
    assert found["trained_and_tested"] == 90
    assert found["peak_memory_mb"] == 300


def test_rounds_that_extract_for_themselves_count_all_they_did() -> None:
    whole = Spent()
    for computed in (30, 20):
        whole.add(spent(rgb=(computed, 30 - computed, 3.0)))
    assert whole.metrics()["extracted"] == {"rgb": {"computed": 50, "reused": 10}}


def test_a_run_of_earlier_days_says_nothing() -> None:
    assert Spent.of({"accuracy": 0.5}) == Spent()


def test_memory_of_what_was_started_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "peak_memory", lambda: 0)
    monkeypatch.setattr(memory, "_SECONDS", 0.01)
    code = "big = bytearray(b'1') * 200_000_000; print(flush=True); input()"
    before, peak = held(), PeakMemory()
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdin is not None
    child.stdout.readline()
    deadline = time.monotonic() + 30
    with peak.watched():
        while peak.bytes - before < 190 * MB and time.monotonic() < deadline:
            time.sleep(0.01)
    child.communicate(b"\n")
    assert peak.bytes - before >= 190 * MB > held() - before
