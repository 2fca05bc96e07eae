"""RTSP against servers in processes of their own, which are killed in mid-stream and started again."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from kinema.live.items import Lost, Restored, Shot
from kinema.live.recogniser import LiveRecogniser
from kinema.live.session import Session
from kinema.live.source import source_of
from kinema.media.video import VideoFile
from support.live import CLIP, untrained, write_moving

SUPPORT = Path(__file__).resolve().parent.parent / "support"
SYSTEM_PYTHON = "/usr/bin/python3"


class Server:
    """One RTSP server: started, killed, started again on the same port."""

    def __init__(self, kind: str, clip: Path):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.kind, self.clip = kind, clip
        self.url = f"rtsp://127.0.0.1:{self.port}/" + ("test" if kind != "live555" else clip.name)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        if self.kind == "live555":
            command = ["live555MediaServer", "-p", str(self.port)]
        else:
            own = self.kind == "own"
            script = SUPPORT / ("rtsp_server.py" if own else "gst_rtsp_server.py")
            python = sys.executable if own else SYSTEM_PYTHON
            command = [python, str(script), str(self.port), str(self.clip)]
        self.process = subprocess.Popen(
            command, cwd=self.clip.parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.1)
        raise AssertionError(f"{self.kind} does not answer")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


def installed(kind: str) -> bool:
    if kind == "own":
        return True
    if kind == "live555":
        return shutil.which("live555MediaServer") is not None
    code = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
    return (
        Path(SYSTEM_PYTHON).exists()
        and subprocess.run([SYSTEM_PYTHON, "-c", code], capture_output=True, check=False).returncode == 0
    )


SLOW = [pytest.param(kind, marks=pytest.mark.slow) for kind in ("gstreamer", "live555")]


@pytest.fixture(params=["own", *SLOW])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    kind: str = request.param
    if not installed(kind):
        pytest.skip(f"no RTSP server of {kind} is installed; the small one of the tests has run")
    clip = write_moving(tmp_path / "moving.mp4", seconds=3.0)
    if kind == "live555":  # it takes raw streams, not MP4
        clip = _raw(clip)
    one = Server(kind, clip)
    one.start()
    yield one
    one.kill()


def _raw(clip: Path) -> Path:
    import av

    out = clip.with_suffix(".264")
    with av.open(str(clip)) as source, av.open(str(out), "w", format="h264") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    return out


def test_all_frames_come_as_they_are_in_the_file(server: Server) -> None:
    source = source_of(server.url)
    source.check()
    shots = []
    for item in source.items(threading.Event(), None):
        if isinstance(item, Lost):  # a server that announces no length is never believed to be at its end
            break
        assert isinstance(item, Shot)
        shots.append(item)
    assert len(shots) >= 72
    np.testing.assert_allclose(np.diff([s.seconds for s in shots]), 0.04, atol=2e-3)
    if len(shots) == 75:
        expected = [f.data for f in VideoFile(server.clip).frames()]
        for shown, frame in zip(shots[::20], expected[::20], strict=True):
            assert np.abs(shown.picture.astype(int) - frame).mean() < 2


def test_cut_off_in_mid_stream_it_is_reconnected_and_nothing_wrong_is_reported(server: Server) -> None:
    """Decisions after the cut rest on frames after it alone: they are those of the file from its start."""
    run = untrained({"rgb": CLIP})
    source = source_of(server.url)
    session = Session(LiveRecogniser(run, horizon_seconds=1.0), source, max_delay=30.0)
    before, after, lost = [], [], []
    for event in session.events():
        if isinstance(event.item, Shot) and not lost and event.item.seconds > 0.5:
            server.kill()
        if isinstance(event.item, Lost):
            lost.append(event.item)
            if session.losses:
                break  # the file is over, or it would be played again
            if len(lost) == 1:
                threading.Timer(0.2, server.start).start()
        (after if session.losses else before).extend(event.reports)
        if isinstance(event.item, Restored):
            restored = event.item
    assert session.losses == 1
    assert [one.pause for one in lost][:2] == [0.5, 1.0][: len(lost)]
    assert restored.outage >= 0.5
    assert before
    assert len(after) > 20
    again = LiveRecogniser(run, horizon_seconds=1.0)
    pictures = [f.data for f in VideoFile(server.clip).frames()]
    expected = [d for i, p in enumerate(pictures) for d in again.feed(p, i / 25)]
    first = after[0]
    assert first.spans["rgb"] == (0, 1)
    assert first.start_seconds >= before[-1].seconds + 0.5
    for found, one in zip(after, expected, strict=False):
        assert found.spans == one.spans
        np.testing.assert_allclose(found.scores, one.scores, atol=2e-3)  # another decoder's rounding
    assert session.summary()["reconnected"] == 1
