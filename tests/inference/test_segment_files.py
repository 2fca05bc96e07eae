"""Segments as files of other programs, read back by what reads them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kinema.datasets.timeline import load_timelines
from kinema.errors import UsageError
from kinema.inference.segment_files import write_segments
from kinema.inference.timeline import stretches
from kinema.types import Segment

FOUND = [Segment("wave", 0.5, 62.25, 0.75), Segment("walk, fast", 3661.004, 3670, 0.5)]
LABELS = ("walk, fast", "wave")


@pytest.mark.parametrize("ending", [".csv", ".eaf"])
def test_what_is_written_is_what_training_reads(ending: str, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("")
    write_segments(tmp_path / f"a{ending}", tmp_path / "a.mp4", FOUND, LABELS)
    data = load_timelines(tmp_path / f"a{ending}")
    marks = data.marked["a.mp4"]
    assert [(s.label, s.start_seconds, s.end_seconds) for s in marks] == [
        ("wave", 0.5, 62.25),
        ("walk, fast", 3661.004, 3670),
    ]


def test_json_and_srt(tmp_path: Path) -> None:
    video = tmp_path / "a.mp4"
    write_segments(tmp_path / "a.json", video, FOUND, LABELS)
    told = json.loads((tmp_path / "a.json").read_text())
    assert told["timeline"][0] == {"start": 0.5, "end": 62.25, "label": "wave", "score": 0.75}
    write_segments(tmp_path / "a.SRT", video, FOUND, LABELS)
    assert (tmp_path / "a.SRT").read_text() == (
        "1\n00:00:00,500 --> 00:01:02,250\nwave\n\n2\n01:01:01,004 --> 01:01:10,000\nwalk, fast\n"
    )
    with pytest.raises(UsageError, match=r"one of \.json, \.csv, \.srt, \.eaf"):
        write_segments(tmp_path / "a.txt", video, FOUND, LABELS)


def test_what_overlaps_is_one_stretch_of_both_names() -> None:
    found = stretches(
        "a.mp4", [Segment("walk", 0, 6, 0.9), Segment("wave", 2, 4, 0.6), Segment("box", 8, 9, 0.7)]
    )
    shown = [(p.label, p.start_seconds, p.end_seconds, round(p.score, 2)) for p in found]
    assert shown == [
        ("walk", 0, 2, 0.9), ("walk + wave", 2, 4, 0.6), ("walk", 4, 6, 0.9), ("box", 8, 9, 0.7),
    ]  # fmt: skip
