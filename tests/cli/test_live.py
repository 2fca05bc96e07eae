"""`kinema live` and `kinema anomaly watch` from the command line."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import kinema
from kinema.media.reader import VideoReader
from kinema.media.video import VideoFile
from support.called import Call

KINEMA = [sys.executable, "-m", "kinema.cli.app"]


@pytest.fixture(scope="module")
def clip(tiny_videos: Path) -> Path:
    """One second of a class that a frame tells, with sound."""
    return sorted(tiny_videos.parent.glob("waving/*.mp4"))[0]


@pytest.fixture(scope="module")
def detector(tiny_run: Path, tiny_videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("live") / "detector"
    kinema.anomaly(
        tiny_run, tiny_videos, out, resources=kinema.Resources(features=tiny_run.parent / "features")
    )
    return out


def test_a_line_of_json_for_every_decision(call: Call, tiny_run: Path, clip: Path, tmp_path: Path) -> None:
    annotated = tmp_path / "out.mp4"
    done = call("live", tiny_run, clip, "--json", "--annotate", annotated, "--top", "2", "--max-delay", "60")
    assert done.code == 0, done.err
    lines = [json.loads(line) for line in done.out.splitlines()]
    whole = kinema.load(tiny_run).predict(clip)
    keys = [
        "time",
        "seconds",
        "start_seconds",
        "label",
        "unknown",
        "score",
        "since",
        "changed",
        "top",
        "delay",
    ]
    assert [list(line) for line in lines] == [keys] * len(lines)
    assert len(lines) >= 2
    assert {best["label"] for best in lines[-1]["top"]} <= set(whole.labels)
    assert len(lines[-1]["top"]) == 2
    assert lines[0]["unknown"], "too little was seen"
    assert lines[-1]["label"] is not None
    assert "carries its state" in done.err
    assert "0 dropped" in done.err
    assert "delay of a decision" in done.err
    with VideoReader(annotated) as reader:
        assert (reader.info.width, reader.info.average_fps) == (64, 25.0)
        pictures = list(reader.read())
    (first, *_) = VideoFile(clip).frames()
    assert len(pictures) >= 22, "a second, at the recording's own rate"
    assert np.abs(pictures[0].data.astype(int) - first.data).mean() < 12, "nothing is known yet"
    assert np.abs(pictures[-1].data[-10:].astype(int) - first.data[-10:]).mean() > 20


def test_without_json_a_line_for_every_change(call: Call, tiny_run: Path, clip: Path) -> None:
    done = call("live", tiny_run, clip, "--max-delay", "60", "-q")
    assert done.code == 0
    (line,) = done.out.splitlines()
    seconds, unit, label, score = line.split()
    assert (unit, label in kinema.load(tiny_run).labels) == ("s", True)
    assert 0 < float(seconds) <= 1
    assert 0 < float(score) <= 1
    assert done.err == ""


def test_min_score_makes_unknown(call: Call, tiny_run: Path, clip: Path) -> None:
    done = call("live", tiny_run, clip, "--json", "--min-score", "1", "--max-delay", "60")
    assert {json.loads(line)["label"] for line in done.out.splitlines()} == {None}


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)], ids=["INT", "TERM"]
)
def test_one_signal_ends_it_with_its_summary(
    number: signal.Signals, tiny_run: Path, clip: Path, tmp_path: Path
) -> None:
    command = [*KINEMA, "live", tiny_run, clip, "--loop", "--json", "--annotate", tmp_path / "out.mp4"]
    process = subprocess.Popen(
        [str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for _ in range(4):
        process.stdout.readline()
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "delay of a decision" in err
    assert "Traceback" not in err
    for line in out.splitlines():
        json.loads(line)
    assert VideoFile(tmp_path / "out.mp4").times()[-1] > 0.3
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"]


def test_an_alarm_is_a_line_and_a_film_strip(
    call: Call, tiny_run: Path, detector: Path, clip: Path, tmp_path: Path
) -> None:
    """A threshold below every error, so that the whole clip is one alarm."""
    text = (detector / "anomaly.yaml").read_text()
    strict = tmp_path / "strict"
    strict.mkdir()
    (strict / "autoencoder.safetensors").write_bytes((detector / "autoencoder.safetensors").read_bytes())
    value = next(line for line in text.splitlines() if line.strip().startswith("value:"))
    (strict / "anomaly.yaml").write_text(text.replace(value, "  value: 1.0e-9"))
    out = tmp_path / "alarms"
    words = ("--out", out, "--horizon", "1", "--forget", "never", "--max-delay", "60")
    done = call("anomaly", "watch", strict, clip, *words)
    assert done.code == 0, done.err
    (line,) = done.out.splitlines()
    alarm = json.loads(line)
    assert (alarm["alarm"], alarm["threshold"]) == (1, 1e-9)
    assert alarm["error"] > 1e-9
    assert (out / "alarms.jsonl").read_text() == line + "\n"
    from PIL import Image

    with Image.open(alarm["strip"]) as strip:
        assert strip.height == 108
        assert strip.width >= 2 * 144, "several frames, each 4 by 3"
        assert np.asarray(strip).std() > 5
    assert "1 alarms in" in done.err
    call("anomaly", "watch", strict, clip, *words)
    assert len(list(out.glob("alarm-*.jpg"))) == 2, "an alarm of an earlier day is kept"
    calm = call("anomaly", "watch", detector, clip, "--out", tmp_path / "none", "--horizon", "60")
    assert (calm.out, list((tmp_path / "none").iterdir())) == ("", [])


REFUSED = [
    (["live", "RUN", "gone.mp4"], "no file gone.mp4; give a file"),
    (["live", "RUN", "rtsp://127.0.0.1:9/x"], "cannot be opened (Connection refused); check address"),
    (["live", "RUN", "ftp://host/x"], "use one of rtsp"),
    (["live", "RUN", "."], "is not a regular file"),
    (["live", "RUN", "text.mp4"], "is not readable media"),
    (["live", "gone", "CLIP"], "is not a run folder"),
    (["live", "DETECTOR", "CLIP"], "is not a run folder"),
    (["live", "RUN", "CLIP", "--forget", "sometimes"], "unknown --forget 'sometimes'"),
    (["live", "RUN", "CLIP", "--annotate", "out.txt"], "cannot write a video to 'out.txt'"),
    (["live", "RUN", "CLIP", "--annotate", "CLIP"], "would replace the video itself"),
    (["live", "RUN", "CLIP", "--risk", "0.1", "--min-score", "0.1"], "give one of them"),
    (["live", "RUN", "CLIP", "--window"], "--window"),
    (["live", "RUN", "0", "--loop"], "--loop"),
    (["anomaly", "watch", "RUN", "CLIP", "--out", "out"], "is not an anomaly detector"),
    (["anomaly", "watch", "DETECTOR", "CLIP", "--out", "text.mp4"], "is a file"),
    (["anomaly", "watch", "DETECTOR", "gone.mp4", "--out", "out"], "no file gone.mp4"),
]


@pytest.mark.parametrize(
    ("words", "said"), REFUSED, ids=lambda v: " ".join(v) if isinstance(v, list) else None
)
def test_refused_in_one_line(
    words: list[str],
    said: str,
    call: Call,
    tiny_run: Path,
    detector: Path,
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISPLAY", raising=False)
    Path("text.mp4").write_text("no video")
    places = {"RUN": tiny_run, "CLIP": clip, "DETECTOR": detector}
    done = call(*(str(places.get(word, word)) for word in words))
    assert done.code in (1, 2)
    assert said in done.error


def test_a_wrong_call_is_refused_ahead_of_torch(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").write_text("kinema_run: 2\n")
    code = (
        "import sys; from kinema.cli.app import app; from kinema.errors import UsageError\n"
        "for source in ('gone.mp4', 'rtsp://127.0.0.1:9/x', '77'):\n"
        "    try: app(['live', 'run', source])\n"
        "    except UsageError: pass\n"
        "    else: raise AssertionError(source)\n"
        "    assert 'torch' not in sys.modules, source"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, cwd=tmp_path)
