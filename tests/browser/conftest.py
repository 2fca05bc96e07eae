"""A run of real clips behind `kinema serve`, and Chromium with a webcam that shows a real clip."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from kinema.media.reader import VideoReader
from kinema.media.writer import VideoWriter
from kinema.resources import Resources
from support.real import CLASSES, clips_of
from support.serving import PATIENCE, program


@pytest.fixture(scope="session")
def site(ucf_clips: Path, shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of `lite`, trained on four clips each of the last groups of three classes."""
    from kinema.workflows.train import train

    folder = tmp_path_factory.mktemp("site")
    for label in CLASSES:
        (folder / "videos" / label).mkdir(parents=True)
        for clip in clips_of(ucf_clips, label)[-8:]:
            shutil.copy(clip, folder / "videos" / label)
    resources = Resources(weights=shared_data / "weights", features=folder / "features", offline=True)
    run = train(folder / "videos", recipe="lite", out=folder / "run", resources=resources).run
    weights = str(shared_data / "weights")
    with program(run, "--weights", weights, "--offline", "--max-upload", "50") as (_, address):
        yield address


@pytest.fixture(scope="session")
def two_actions(ucf_clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Archery, then surfing, as a file that browsers play."""
    path = tmp_path_factory.mktemp("clips") / "two.mp4"
    with VideoWriter(path, fps=25, width=320, height=240) as writer:
        for label in ("Archery", "Surfing"):
            with VideoReader(clips_of(ucf_clips, label)[0]) as reader:
                for frame in reader.read():
                    writer.write(frame.data)
    return path


@pytest.fixture(scope="session")
def webcam_file(ucf_clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Surfing as MJPEG, which Chromium plays as a webcam, again and again."""
    path = tmp_path_factory.mktemp("webcam") / "surfing.mjpeg"
    with path.open("wb") as file, VideoReader(clips_of(ucf_clips, "Surfing")[0]) as reader:
        for frame in reader.read():
            picture = io.BytesIO()
            Image.fromarray(frame.data).save(picture, "JPEG")
            file.write(picture.getvalue())
    return path


@pytest.fixture(scope="session")
def chromium(webcam_file: Path) -> Iterator:
    from playwright.sync_api import sync_playwright

    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not path:
        pytest.skip("Chromium is not here; apt-get install chromium, or set CHROMIUM")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=path,
            args=[
                "--no-sandbox",
                "--use-fake-ui-for-media-stream",
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-video-capture={webcam_file}",
            ],
        )
        yield browser
        browser.close()


HEIGHTS = {"desktop": 900, "phone": 844}
Browse = Callable[[str, int], AbstractContextManager[Any]]


@pytest.fixture(params=[("desktop", "light"), ("phone", "dark")], ids="-".join)
def browse(chromium: Any, request: pytest.FixtureRequest) -> Browse:
    """`browse(site, wide)`: a page of a device and a scheme, `wide` on the desktop.

    No script may fail, nothing may be asked of others than `site`, and it may not scroll sideways.
    """
    device, scheme = request.param

    @contextmanager
    def opened(site: str, wide: int) -> Iterator[Any]:
        width = wide if device == "desktop" else 390
        context = chromium.new_context(
            viewport={"width": width, "height": HEIGHTS[device]},
            color_scheme=scheme,
            has_touch=device == "phone",
        )
        found = context.new_page()
        found.set_default_timeout(PATIENCE)
        faults: list[str] = []
        found.on("pageerror", lambda error: faults.append(str(error)))
        found.on(
            "request",
            lambda r: None if r.url.startswith((site, "blob:", "data:")) else faults.append(r.url),
        )
        yield found
        assert faults == []
        assert found.evaluate("document.documentElement.scrollWidth") <= width, "it scrolls sideways"
        context.close()

    return opened
