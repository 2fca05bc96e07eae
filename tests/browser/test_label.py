"""The label page in a real browser: marked, reloaded, killed in mid-edit, proposed and confirmed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from support.labelling import label_program, long_videos, timeline_run
from support.serving import PATIENCE, wait_for

pytestmark = pytest.mark.browser
FOCUSED = "document.activeElement.getAttribute('role') || document.activeElement.tagName"


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return long_videos(tmp_path_factory.mktemp("long"))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return timeline_run(tmp_path_factory.mktemp("run"))


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    return tmp_path / "labels.csv"


@pytest.fixture
def page(browse: Any) -> Iterator[Any]:
    """A page for whatever server of this machine a test starts."""
    with browse("http://127.0.0.1:", 1280) as found:
        yield found


def opened(page: Any, url: str) -> None:
    page.goto(url)
    page.wait_for_selector("#screen video, #screen img")


def to(page: Any, seconds: int) -> None:
    """Go there by keyboard."""
    page.keyboard.press("Home")
    for _ in range(seconds):
        page.keyboard.press("Shift+ArrowRight")


def mark(page: Any, start: int, end: int, label: str) -> None:
    """In, out and class by keyboard; a class that is not there is added."""
    marked = page.locator("#segments tbody tr").count()
    to(page, start)
    page.keyboard.press("i")
    to(page, end)
    buttons = page.locator("#classes button:not(.add)").all_inner_texts()
    number = next((i for i, text in enumerate(buttons, 1) if text.startswith(label)), None)
    if number is not None:
        page.keyboard.press(str(number))
    else:
        page.keyboard.press("a")
        page.fill("#class-name", label)
        page.keyboard.press("Enter")
    expect(page.locator("#segments tbody tr")).to_have_count(marked + 1)
    expect(page.locator("#saved")).to_have_text("All saved in labels.csv")


def rows(labels: Path) -> list[str]:
    return [line.split("/")[-1] for line in labels.read_text().splitlines()[1:]]


def test_three_segments_are_there_after_a_reload(page: Any, videos: Path, labels: Path) -> None:
    with label_program(videos, labels) as (_, url):
        opened(page, url)
        mark(page, 2, 5, "waving")
        mark(page, 4, 8, "squatting")
        mark(page, 10, 12, "waving")
        assert rows(labels) == [
            "long_g01_c01.mp4,waving,2.000,5.000",
            "long_g01_c01.mp4,squatting,4.000,8.000",
            "long_g01_c01.mp4,waving,10.000,12.000",
        ]
        page.reload()
        page.wait_for_selector("#screen video")
        page.evaluate("document.querySelector('#files').open = true")
        page.locator("#list button").first.click()
        expect(page.locator(".lane")).to_have_count(2)
        assert page.locator(".segment button").evaluate_all("all => all.map(e => e.ariaLabel)") == [
            "waving, 0:02.00 to 0:05.00", "waving, 0:10.00 to 0:12.00", "squatting, 0:04.00 to 0:08.00",
        ]  # fmt: skip


def test_undo_redo_borders_and_nothing(page: Any, videos: Path, labels: Path) -> None:
    with label_program(videos, labels) as (_, url):
        opened(page, url)
        mark(page, 2, 5, "waving")
        page.keyboard.press("u")
        wait_for(lambda: rows(labels) == [])
        page.keyboard.press("r")
        wait_for(lambda: rows(labels) == ["long_g01_c01.mp4,waving,2.000,5.000"])
        page.locator(".segment button").click()
        end = page.get_by_role("slider", name="End of waving")
        end.press("ArrowRight")
        wait_for(lambda: rows(labels) == ["long_g01_c01.mp4,waving,2.000,5.125"])
        page.get_by_role("slider", name="End of waving").press("Shift+ArrowLeft")
        wait_for(lambda: rows(labels) == ["long_g01_c01.mp4,waving,2.000,4.125"])
        expect(page.locator("#saved")).to_have_text("All saved in labels.csv")
        box, lanes = page.locator(".handle.start").bounding_box(), page.locator(".lanes").bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.down()
        page.mouse.move(lanes["x"] + lanes["width"] / 24, box["y"] + 5, steps=4)
        page.mouse.up()
        wait_for(lambda: float(rows(labels)[0].split(",")[2]) == pytest.approx(1.0, abs=0.05))
        page.keyboard.press("e")
        expect(page.get_by_role("alert")).to_contain_text("This file has segments")
        page.locator(".drop").click()
        page.keyboard.press("e")
        wait_for(lambda: rows(labels) == ["long_g01_c01.mp4,,,"])
        page.keyboard.press("n")
        expect(page.locator("#title")).to_have_text("long_g02_c01.mp4")


def test_a_server_killed_in_mid_edit_loses_nothing(page: Any, videos: Path, labels: Path) -> None:
    """What was saved stays; what was marked while the server was gone is saved when it is back."""
    with label_program(videos, labels) as (process, url):
        opened(page, url)
        mark(page, 2, 5, "waving")
        to(page, 7)
        page.keyboard.press("i")
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        to(page, 9)
        page.keyboard.press("1")
        expect(page.get_by_role("alert")).to_contain_text("The server is gone. One change is kept here")
        assert rows(labels) == ["long_g01_c01.mp4,waving,2.000,5.000"]
    with label_program(videos, labels, port=int(url.rsplit(":")[-1])):
        expect(page.locator("#saved")).to_have_text("All saved in labels.csv")
        expect(page.get_by_role("alert")).to_have_count(0)
        assert rows(labels) == [
            "long_g01_c01.mp4,waving,2.000,5.000", "long_g01_c01.mp4,waving,7.000,9.000",
        ]  # fmt: skip


def test_what_another_program_changes_is_told_and_can_be_put_back(
    page: Any, videos: Path, labels: Path
) -> None:
    with label_program(videos, labels) as (_, url):
        opened(page, url)
        mark(page, 2, 5, "waving")
        before = labels.read_text()
        labels.write_text(before.replace("waving,2.000,5.000", "bowing,6,7"))
        expect(page.locator("#outside")).to_contain_text("1 row new, 1 row gone")
        expect(page.locator(".segment button")).to_have_text("bowing")
        page.get_by_role("button", name="Put back what is gone").click()
        expect(page.locator(".segment")).to_have_count(2)
        both = ["long_g01_c01.mp4,bowing,6,7", "long_g01_c01.mp4,waving,2.000,5.000"]
        wait_for(lambda: rows(labels) == both)
        (kept,) = labels.parent.glob("labels.before-*.csv")
        assert kept.read_text() == before


def test_a_file_that_browsers_do_not_play_is_seen(page: Any, videos: Path, labels: Path) -> None:
    avi = next(videos.glob("*.avi"))
    with label_program(avi, labels) as (_, url):
        page.goto(url)
        page.wait_for_selector("#screen img[src^='blob:']")
        page.wait_for_function("document.querySelector('#screen img').naturalWidth === 96")
        page.keyboard.press("ArrowRight")
        expect(page.locator("#clock")).to_contain_text("0:00.1")
        page.keyboard.press("ArrowLeft")
        expect(page.locator("#clock")).to_contain_text("0:00.00")
        first = page.locator("#screen img").get_attribute("src")
        page.keyboard.press(" ")
        wait_for(lambda: float(page.locator("#clock").inner_text()[2:7]) > 1)
        page.keyboard.press(" ")
        assert page.locator("#screen img").get_attribute("src") != first
        mark(page, 2, 5, "waving")
        assert rows(labels)[0].endswith("avi,waving,2.000,5.000")


def test_proposals_are_confirmed_with_one_key(page: Any, videos: Path, run: Path, labels: Path) -> None:
    options = ("--run", run, "--weights", "none", "--device", "cpu", "--features", labels.parent / "features")
    with label_program(videos, labels, *options) as (_, url):
        opened(page, url)
        expect(page.locator("#proposed")).to_have_text(
            "The run has looked at all 4 videos.", timeout=PATIENCE
        )
        page.wait_for_selector("#surest .yes")
        page.keyboard.press("c")  # shows the surest
        page.wait_for_selector("#surest .go[aria-current=true]")
        first = page.locator("#surest .go[aria-current=true]").inner_text()
        page.keyboard.press("c")
        wait_for(lambda: labels.exists() and len(rows(labels)) == 1)
        assert rows(labels)[0].split(",")[1] == first.split()[0]
        page.wait_for_selector("#surest .go[aria-current=true]")
        assert page.locator("#surest .go[aria-current=true]").inner_text() != first
        page.keyboard.press("c")
        wait_for(lambda: len(rows(labels)) == 2)
        page.keyboard.press("u")
        wait_for(lambda: len(rows(labels)) == 1)
        page.keyboard.press("x")
        page.keyboard.press("n")
        assert page.locator("#next li").count() > 0
        assert len(rows(labels)) == 1


def test_every_control_has_a_name_and_can_be_reached(page: Any, videos: Path, labels: Path) -> None:
    with label_program(videos, labels) as (_, url):
        opened(page, url)
        mark(page, 2, 5, "waving")
        named = "e => e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.[0]?.textContent"
        for control in page.locator("button, input, select, a[href], video, [role=slider], summary").all():
            if control.is_visible():
                assert control.evaluate(named), control.evaluate("e => e.outerHTML")
        reached = set()
        for _ in range(60):
            page.keyboard.press("Tab")
            reached.add(
                page.evaluate("document.activeElement.getAttribute('role') || document.activeElement.tagName")
            )
        assert {"slider", "BUTTON", "INPUT", "SELECT", "SUMMARY"} <= reached
