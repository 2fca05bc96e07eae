"""`import kinema`: its verbs, found when they are asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import kinema
from kinema.errors import UsageError

VERBS = {
    "train",
    "load",
    "scan",
    "extract",
    "evaluate",
    "embed",
    "search",
    "flow",
    "anomaly",
    "study",
    "export",
}


def alone(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True)


def test_dir_shows_the_verbs():
    assert set(dir(kinema)) >= VERBS
    assert all(callable(getattr(kinema, name)) for name in VERBS)
    with pytest.raises(AttributeError, match="nonsense"):
        _ = kinema.nonsense


def test_importing_loads_next_to_nothing():
    alone("import sys, kinema; dir(kinema); assert not {'torch', 'numpy', 'av', 'rich'} & set(sys.modules)")


def test_scan_and_console_events_need_no_torch(tiny_videos: Path):
    alone(
        "import sys, kinema; found = kinema.scan(sys.argv[1], events=kinema.ConsoleEvents())\n"
        "assert 'torch' not in sys.modules".replace("sys.argv[1]", repr(str(tiny_videos)))
    )


@pytest.mark.parametrize("first", ["kinema.flow.color", "kinema.anomaly.threshold", "json"])
def test_verbs_that_share_their_name_with_a_subpackage(first: str):
    """Whatever is imported first, the name can be called and its modules be reached."""
    alone(
        f"import {first}, kinema\n"
        "import kinema.flow.color as color\n"
        "from kinema.flow import methods\n"
        "assert callable(kinema.flow) and callable(kinema.anomaly)\n"
        "assert kinema.flow.color.flow_to_color is color.flow_to_color\n"
        "try: kinema.flow('a.mp4', 'a.txt')\n"
        "except kinema.errors.UsageError as error: assert 'cannot write flow' in str(error)\n"
        "else: raise SystemExit(1)"
    )


def test_flow_is_the_verb(tiny_videos: Path, tmp_path: Path):
    video = next(tiny_videos.parent.rglob("*.mp4"))
    with pytest.raises(UsageError, match="tvl1"):
        kinema.flow(video, tmp_path / "flow.npy", "nonsense")


def test_a_loaded_run_shows_what_it_is(tiny_run: Path, tiny_videos: Path):
    run = kinema.load(tiny_run)
    assert repr(run) == (
        f"<LoadedRun {tiny_run}: recipe tiny, 3 classes (strike_bell, strike_drum, waving), "
        "streams rgb (small_cnn), audio (yamnet)>"
    )
    videos = sorted(tiny_videos.parent.rglob("*.mp4"))[:3]
    one, two, three = run.predict([videos[0], str(videos[1]), kinema.VideoFile(videos[2])])
    for found, video in zip((one, two, three), videos, strict=True):
        np.testing.assert_array_equal(found.scores, run.predict(video).scores)
    assert run.predict([]) == []
    best, *_ = one.top(1)
    assert repr(one).startswith(f"<Prediction of {videos[0].name}: {best[0]} {best[1]:.3f}, ")
    seen: list[tuple[int, int]] = []
    whens = run.timeline(
        videos[0], window_seconds=0.5, stride_seconds=0.5, progress=lambda *n: seen.append(n)
    )
    assert "0.50 to 1.00 s: " in repr(whens[1])
    assert seen == [(1, 2), (2, 2)]
