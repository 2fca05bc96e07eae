"""What can be named as a source, what is refused in one line, and what a played file says."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from kinema.errors import MediaError, UsageError
from kinema.live.camera import Camera
from kinema.live.connection import Url
from kinema.live.items import Lost, Restored, Shot, Sound
from kinema.live.played import PlayedFile
from kinema.live.source import source_of
from kinema.media.audio import AudioReader
from kinema.media.video import VideoFile
from support.live import write_moving


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("0", Camera),
        ("/dev/video3", Camera),
        ("rtsp://host/name", Url),
        ("HTTP://host/name", Url),
        ("clip.mp4", PlayedFile),
        ("7.mp4", PlayedFile),
    ],
)
def test_names(text: str, kind: type) -> None:
    assert isinstance(source_of(text), kind)


def test_no_password_is_shown() -> None:
    assert source_of("rtsp://me:secret@host:554/name").name == "rtsp://host:554/name"


@pytest.mark.parametrize(
    ("text", "loop", "words"),
    [
        ("ftp://host/name", False, "use one of rtsp, rtsps, http, https"),
        ("file:///etc/passwd", False, "use one of rtsp"),
        ("rtsp:///name", False, "names no host"),
        ("rtsp://host/name", True, "--loop"),
        ("0", True, "--loop"),
    ],
)
def test_refused_by_name(text: str, loop: bool, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        source_of(text, loop=loop)


@pytest.mark.parametrize("text", ["rtsp://127.0.0.1:9/x", "http://127.0.0.1:9/x"])
def test_a_refused_connection_is_told(text: str) -> None:
    with pytest.raises(UsageError, match=r"cannot be opened .*; check address"):
        source_of(text).check()


def test_files_that_are_none(tmp_path: Path) -> None:
    for path, words in ((tmp_path / "gone.mp4", "no file"), (tmp_path, "not a regular file")):
        with pytest.raises(UsageError, match=words):
            source_of(str(path)).check()
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(MediaError, match="not readable media"):
        source_of(str(tmp_path / "text.mp4")).check()


def test_a_file_is_played_whole_and_at_its_own_speed(moving: Path) -> None:
    began = time.monotonic()
    items = list(source_of(str(moving)).items(threading.Event(), 16000))
    assert time.monotonic() - began >= 3 - 2 / 25, "the last frame is due 2.96 s after the first"
    shots = [item for item in items if isinstance(item, Shot)]
    expected = list(VideoFile(moving).frames())
    assert [s.seconds for s in shots] == [f.pts_seconds for f in expected]
    for shown, frame in zip(shots[::10], expected[::10], strict=True):
        np.testing.assert_array_equal(shown.picture, frame.data)
    heard = [item for item in items if isinstance(item, Sound)]
    with AudioReader(moving, sample_rate=16000) as reader:
        np.testing.assert_array_equal(
            np.concatenate([s.samples for s in heard]), np.concatenate(list(reader.blocks()))
        )
    arrivals = [item.arrived for item in items]  # type: ignore[union-attr]
    assert arrivals == sorted(arrivals), "frames and sound come in the order in which they are due"
    assert all(item.arrived <= time.monotonic() for item in shots)


def test_a_loop_is_one_long_stream(tmp_path: Path) -> None:
    clip, stopped = write_moving(tmp_path / "clip.mp4", seconds=0.2), threading.Event()
    seconds = []
    for item in source_of(str(clip), loop=True).items(stopped, None):
        assert isinstance(item, Shot)
        seconds.append(item.seconds)
        if len(seconds) == 12:
            stopped.set()
    np.testing.assert_allclose(seconds, np.arange(12) / 25, atol=1e-6)


class FakeCapture:
    """OpenCV's interface to a camera: three frames, then none."""

    opened = 0

    def __init__(self, number: int):
        self.number, self.left = number, 3
        type(self).opened += 1

    def isOpened(self) -> bool:  # OpenCV's name
        return self.number != 9

    def read(self) -> tuple[bool, np.ndarray | None]:
        self.left -= 1
        return (True, np.full((4, 6, 3), (1, 2, 3), np.uint8)) if self.left >= 0 else (False, None)

    def release(self) -> None:
        pass


@pytest.fixture
def cameras(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("cv2")
    module.VideoCapture = FakeCapture  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cv2", module)


def test_camera_gives_rgb_and_is_opened_again(cameras: None) -> None:
    stopped, items = threading.Event(), []
    for item in source_of("0").items(stopped, None):
        items.append(item)
        if len(items) == 8:
            stopped.set()
    kinds = [type(item).__name__ for item in items]
    assert kinds == ["Shot"] * 3 + ["Lost", "Restored"] + ["Shot"] * 3
    shots = [item for item in items if isinstance(item, Shot)]
    assert shots[0].picture[0, 0].tolist() == [3, 2, 1]
    assert [s.seconds for s in shots] == sorted(s.seconds for s in shots)
    (restored,) = (item for item in items if isinstance(item, Restored))
    (lost,) = (item for item in items if isinstance(item, Lost))
    assert shots[3].seconds >= restored.outage >= lost.pause


def test_cameras_that_are_none(cameras: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")  # elsewhere than on Linux nothing lists them
    with pytest.raises(UsageError, match="camera 9 cannot be opened"):
        source_of("9").check()
    monkeypatch.setitem(sys.modules, "cv2", None)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="needs OpenCV"):
        source_of("0").check()


@pytest.mark.skipif(sys.platform != "linux", reason="lists the devices of Linux")
def test_a_camera_that_is_not_there_is_refused_without_opencv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="there is no camera 77"):
        source_of("77").check()
