"""What is shown while a verb works: in a log, on a terminal, quietly, in detail."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from kinema.cli.console import DETAILED, QUIET, ConsoleEvents
from kinema.weights.files import WeightFile
from kinema.weights.find import fetch
from support.called import Call


class Log:
    """Events whose console is a file, and whose clock is set by hand."""

    def __init__(self, volume: int = 0, terminal: bool = False):
        self.now, self.file = 0.0, io.StringIO()
        environment = {"TERM": "xterm"}
        console = Console(file=self.file, width=200, force_terminal=terminal, _environ=environment)
        self.events = ConsoleEvents(volume, console=console, clock=lambda: self.now)

    @property
    def lines(self) -> list[str]:
        return [line.strip() for line in self.file.getvalue().splitlines()]


def test_a_line_a_minute_says_how_far_and_how_long():
    log = Log()
    log.events.step("extracting 100")
    for done in range(1, 101):
        log.now += 6  # ten a minute
        log.events.progress(done, 100)
    said = log.lines[1:]
    assert len(said) == 10
    assert said[0] == "10 of 100, about 9 min to go"
    assert said[4] == "50 of 100, about 5 min to go"
    assert said[8] == "90 of 100, about 60 s to go"


def test_a_resumed_training_is_timed_from_where_it_goes_on():
    log = Log()
    log.events.step("training")
    for epoch in range(81, 101):
        log.now += 30
        log.events.epoch(
            {"stage": "temporal", "epoch": epoch, "train_loss": 0.5, "train_accuracy": 1.0, "seconds": 30.0},
            100,
        )
    assert log.lines[1] == "82 of 100 (train loss 0.500  accuracy 1.000), about 9 min to go"


def test_every_step_has_its_own_minute():
    log = Log()
    for _ in range(5):
        log.events.step("short")
        log.now += 40
        log.events.progress(1, 2)
    assert log.lines == ["▸ short"] * 5


def test_quiet_and_detailed():
    def tell(events: ConsoleEvents) -> None:
        events.step("step")
        events.progress(1, 2)
        events.note("note")
        events.detail("detail")
        events.warn("warning")
        events.fault("fault")
        events.result("result")

    shown = {}
    for volume in (QUIET, 0, DETAILED):
        log = Log(volume)
        tell(log.events)
        shown[volume] = [re.sub(r"^\W+", "", line) for line in log.lines]
    assert shown[QUIET] == ["fault", "result"]
    assert shown[0] == ["step", "note", "warning", "fault", "result"]
    assert shown[DETAILED] == ["step", "note", "detail", "warning", "fault", "result"]


def test_a_bar_on_a_terminal_goes_away_when_all_is_done():
    log = Log(terminal=True)
    log.events.progress(1, 2)
    assert log.events.bar.live.is_started
    assert "1/2" in log.file.getvalue()
    log.events.progress(2, 2)
    assert not log.events.bar.live.is_started


def test_downloads_are_shown(tmp_path: Path):
    (tmp_path / "net.pth").write_bytes(b"x" * 3_000_000)
    log = Log()
    with log.events:
        fetch(WeightFile(("net.pth",), url=(tmp_path / "net.pth").as_uri()), tmp_path / "kept.pth")
    assert log.lines == ["▸ fetching kept.pth (3 MB)"]
    bar = Log(terminal=True)
    with bar.events:
        fetch(WeightFile(("net.pth",), url=(tmp_path / "net.pth").as_uri()), tmp_path / "kept.pth")
    assert re.search(r"  MB .*1/3", bar.file.getvalue())


def test_quiet_calls_show_the_result_only(call: Call, tiny_videos: Path, tiny_run: Path):
    store = ("--features", tiny_run.parent / "features")
    loud = call("evaluate", tiny_run, tiny_videos, *store)
    quiet = call("evaluate", tiny_run, tiny_videos, *store, "-q")
    assert quiet.out == loud.out
    assert loud.err
    assert quiet.err == ""
    detailed = call("evaluate", tiny_run, tiny_videos, *store, "--verbose")
    assert len(detailed.err) > len(loud.err)
    both = call("evaluate", tiny_run, tiny_videos, "-q", "-v")
    assert both.code == 2
    assert "-q and -v" in both.error


def test_extraction_says_what_to_expect(call: Call, tiny_videos: Path, tmp_path: Path):
    more = ("--recipe", "lite", "--weights", "none", "--features", tmp_path / "store", "--workers", "1")
    called = call("extract", tiny_videos, *more)
    (line,) = [line for line in called.err.splitlines() if "to go" in line]
    size = sum(file.stat().st_size for file in (tmp_path / "store").rglob("*.safetensors"))
    # The sequences of clips of one length are as long as each other.
    told = re.fullmatch(rf"  about \d+ s to go, (\d+\.\d) MB in {re.escape(str(tmp_path / 'store'))}", line)
    assert told
    assert float(told[1]) == pytest.approx(size / 1e6, abs=0.06)
    quiet = call("extract", tiny_videos, *more, "-q")
    assert "0 extracted, 12 already there" in quiet.err
