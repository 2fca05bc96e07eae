"""The page in a real browser: upload, timeline, webcam, and files that are refused. `make test-browser`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from support.real import CLASSES, clips_of
from support.serving import PATIENCE, wait_for

pytestmark = pytest.mark.browser


@pytest.fixture
def page(browse: Any, site: str) -> Iterator[Any]:
    """The page when the model is known."""
    with browse(site, 1200) as found:
        found.goto(site)
        found.wait_for_selector("#known:not([hidden])")
        yield found


def seconds(page: Any) -> float:
    return page.evaluate("document.querySelector('video').currentTime")


def test_a_clip_is_named_and_its_timeline_leads_to_it(page: Any, two_actions: Path) -> None:
    page.set_input_files("#files", two_actions)
    page.wait_for_selector(".moments button")
    assert page.locator(".big").inner_text() in ("Archery", "Surfing")
    segments = page.locator(".band span").all_inner_texts()
    assert (segments[0], segments[-1]) == ("Archery", "Surfing")
    timeline = page.get_by_role("slider", name="Place in the video")
    box = timeline.bounding_box()
    timeline.click(position={"x": box["width"] * 0.9, "y": 40})
    wait_for(lambda: seconds(page) > 5)
    duration = page.evaluate("document.querySelector('video').duration")
    assert page.evaluate("document.querySelector('video').currentTime") == pytest.approx(
        0.9 * duration, abs=0.2
    )
    assert page.locator(".scores .name").first.inner_text() == "Surfing"
    timeline.press("Home")
    assert seconds(page) == 0
    assert page.locator(".scores .name").first.inner_text() == "Archery"
    timeline.press("ArrowRight")
    assert timeline.get_attribute("aria-valuetext").startswith("0.5 s of ")
    page.locator(".moments button").last.press("Enter")
    assert seconds(page) > 5


def test_what_browsers_do_not_play_is_converted(page: Any, ucf_clips: Path) -> None:
    clip = clips_of(ucf_clips, "PlayingPiano")[0]
    page.set_input_files("#files", clip)
    page.wait_for_selector(".moments button")
    assert page.locator(".big").inner_text() == "PlayingPiano"
    wait_for(lambda: page.evaluate("document.querySelector('video').videoWidth") == 320)


def test_several_at_once_and_bad_ones_among_them(page: Any, ucf_clips: Path, tmp_path: Path) -> None:
    """A broken file, and one of ten gigabytes, which takes no room on the disk and is never sent."""
    broken, huge = tmp_path / "broken.avi", tmp_path / "huge.mp4"
    broken.write_bytes(clips_of(ucf_clips, "Surfing")[0].read_bytes()[:5000])
    with huge.open("wb") as file:
        file.truncate(10_000_000_000)
    good = [clips_of(ucf_clips, label)[0] for label in CLASSES]
    page.set_input_files("#files", [broken, huge, *good])
    expect(page.locator(".moments")).to_have_count(3, timeout=PATIENCE)
    problems = page.get_by_role("alert").all_inner_texts()
    assert any(text.startswith("huge.mp4 has 10.0 GB, and this server takes 50 MB") for text in problems)
    assert any(re.match(r"broken\.avi .*; replace it", text) for text in problems)
    assert sorted(page.locator(".big").all_inner_texts()) == sorted(CLASSES)
    page.get_by_role("button", name="Remove huge.mp4").click()
    assert page.locator(".video").count() == 4


def test_the_webcam_is_named_live(page: Any) -> None:
    page.get_by_role("button", name="Use the webcam").click()
    expect(page.locator(".webcam .big")).to_have_text("Surfing", timeout=PATIENCE)
    assert int(page.locator(".webcam .facts").inner_text().split()[0]) > 1
    page.get_by_role("button", name="Stop the webcam").click()
    assert page.locator(".webcam").count() == 0
    assert page.get_by_role("button", name="Use the webcam").is_enabled()


def test_every_control_has_a_name_and_can_be_reached_by_keyboard(page: Any, two_actions: Path) -> None:
    page.set_input_files("#files", two_actions)
    page.wait_for_selector(".moments button")
    named = "e => e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.[0]?.textContent"
    controls = "button, input, a[href], video, progress, [role=slider], summary"
    for control in page.locator(controls).all():
        if control.is_visible():
            assert control.evaluate(named), control.evaluate("e => e.outerHTML")
    focused = "document.activeElement.getAttribute('role') || document.activeElement.tagName"
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(page.evaluate(focused))
    assert {"slider", "BUTTON", "INPUT", "VIDEO", "SUMMARY", "A"} <= reached
