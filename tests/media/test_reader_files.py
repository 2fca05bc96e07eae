"""Files as people have them: odd names, and every way to be broken."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kinema.errors import MediaError
from kinema.media.container import open_container
from kinema.media.reader import VideoReader

NAMES = [
    "with space.mp4",
    'it\'s "quoted".mp4',
    "line\nbreak.mp4",
    "видео 動画 é.mp4",
    "-leading-dash.mp4",
    "percent%03d%%s.mp4",
    "concat:a|b.mp4",
    "file:x.mp4",
    "http:__host?x=1#y.mp4",
    "no_ending",
    "[brackets]*.mp4",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_have_no_meaning(twenty: Path, name: str, number_of) -> None:
    path = twenty.rename(twenty.with_name(name))
    with VideoReader(path) as reader:
        assert [number_of(f.data) for f in reader.read()] == list(range(20))


def test_a_name_that_is_not_utf8(twenty: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(twenty.parent) + b"/\xff\xfe.mp4"))
    try:
        twenty.rename(path)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    with VideoReader(path) as reader:
        assert len(reader.timestamps()) == 20


def test_relative_paths(twenty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(twenty.parent)
    twenty.rename("-i.mp4")
    with VideoReader("-i.mp4") as reader:
        assert len(reader.timestamps()) == 20


def sound_only(path: Path) -> None:
    with av.open(str(path), "w") as output:
        stream = output.add_stream("aac", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        output.mux(stream.encode(frame))
        output.mux(stream.encode())


def no_frames(path: Path) -> None:
    with av.open(str(path), "w") as output:
        stream = output.add_stream("mpeg4", rate=25)
        stream.width, stream.height = 64, 48
        output.start_encoding()


BROKEN = {
    "absent": (lambda path: None, "does not exist"),
    "a folder": (lambda path: path.mkdir(), "is not a file"),
    "empty": (lambda path: path.write_bytes(b""), "0 bytes"),
    "text": (lambda path: path.write_text("These are the voyages.\n" * 50), "not readable media"),
    "random bytes": (lambda path: path.write_bytes(np.random.default_rng(0).bytes(5000)), ""),
    "zeros": (lambda path: path.write_bytes(bytes(5000)), ""),
    "sound only": (sound_only, "no video stream"),
    "no frames": (no_frames, ""),
    "playlist": (lambda path: path.write_text("#EXTM3U\n#EXTINF:9,\ntwenty.mp4\n"), ""),
    "list of files": (lambda path: path.write_text("ffconcat version 1.0\nfile twenty.mp4\n"), ""),
}


@pytest.mark.parametrize("ending", ["mp4", "avi"])
@pytest.mark.parametrize("kind", BROKEN)
def test_broken_files_are_one_line_errors(tmp_path: Path, twenty: Path, kind: str, ending: str) -> None:
    make, words = BROKEN[kind]
    if (kind, ending) == ("no frames", "mp4") or kind == "sound only":
        ending = {"sound only": "mp4", "no frames": "avi"}[kind]
    path = tmp_path / f"broken.{ending}"
    make(path)
    with pytest.raises(MediaError) as caught:
        VideoReader(path)
    message = str(caught.value)
    assert words in message
    assert "\n" not in message
    assert "broken" in message


def test_no_permission(twenty: Path) -> None:
    twenty.chmod(0)
    if os.access(twenty, os.R_OK):
        pytest.skip("the superuser may read everything")
    with pytest.raises(MediaError, match="permissions"):
        VideoReader(twenty)


def test_no_other_protocol_than_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MediaError, match="does not exist"):
        open_container("http://localhost:9/video.mp4")


def test_the_file_is_released(twenty: Path) -> None:
    descriptors = Path("/proc/self/fd")
    if not descriptors.is_dir():
        pytest.skip("open files are counted through /proc")
    before = len(os.listdir(descriptors))
    for _ in range(5):
        with VideoReader(twenty) as reader:
            next(reader.read())
        with VideoReader(twenty) as reader:
            reader.timestamps()
        with pytest.raises(MediaError):
            VideoReader(Path(__file__))
    assert len(os.listdir(descriptors)) == before


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same 60 frames in several containers, to be damaged."""
    folder = tmp_path_factory.mktemp("samples")
    rng = np.random.default_rng(1)
    frames = [rng.integers(0, 255, (48, 64, 3)).astype(np.uint8) for _ in range(60)]
    forms = {
        "front.mp4": ("libx264", {"movflags": "+faststart"}),
        "back.mp4": ("libx264", {}),
        "a.avi": ("mpeg4", {}),
        "a.mkv": ("libx264", {}),
        "a.ts": ("libx264", {}),
        "lossless.mkv": ("ffv1", {}),
    }
    for name, (codec, options) in forms.items():
        with av.open(str(folder / name), "w", options=options) as output:
            stream = output.add_stream(codec, rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            for picture in frames:
                output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            output.mux(stream.encode())
    return {name: folder / name for name in forms}


def cut(path: Path, target: Path, fraction: float) -> Path:
    target.write_bytes(path.read_bytes()[: int(path.stat().st_size * fraction)])
    return target


@pytest.mark.parametrize("name", ["front.mp4", "a.avi", "a.mkv", "lossless.mkv"])
def test_a_cut_file_gives_its_first_frames_and_says_so(samples, tmp_path, name) -> None:
    with VideoReader(samples[name]) as reader:
        whole = [f.data for f in reader.read()]
        assert reader.damage is None
        assert len(whole) == 60
    with VideoReader(cut(samples[name], tmp_path / name, 0.5)) as reader:
        part = [f.data for f in reader.read()]
        assert reader.damage
        assert "\n" not in reader.damage
    assert 10 < len(part) < 50
    for a, b in zip(whole, part[:-3], strict=False):  # the frame at the cut may be half there
        np.testing.assert_array_equal(a, b)


def test_an_mp4_cut_before_its_index_cannot_be_opened(samples, tmp_path) -> None:
    with pytest.raises(MediaError):
        VideoReader(cut(samples["back.mp4"], tmp_path / "cut.mp4", 0.5))


@pytest.mark.parametrize("name", ["front.mp4", "a.avi", "a.mkv"])
def test_a_packet_that_cannot_be_decoded_is_skipped(samples, tmp_path, name) -> None:
    with av.open(str(samples[name])) as container:
        content = bytes([packet for packet in container.demux(video=0) if packet.size][30])
    data = bytearray(samples[name].read_bytes())
    start = data.index(content)
    data[start : start + len(content)] = bytes(len(content))
    path = tmp_path / name
    path.write_bytes(data)
    with VideoReader(path) as reader:
        assert len(reader.timestamps()) == 59
        assert "cannot be decoded" in (reader.damage or "")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_gives_frames_or_a_media_error(samples, tmp_path_factory, data) -> None:
    name = data.draw(st.sampled_from(sorted(samples)))
    content = bytearray(samples[name].read_bytes())
    for _ in range(data.draw(st.integers(0, 4))):
        start = data.draw(st.integers(0, len(content) - 1))
        noise = data.draw(st.binary(min_size=1, max_size=40))
        content[start : start + len(noise)] = noise
    del content[data.draw(st.integers(1, len(content))) :]
    path = tmp_path_factory.mktemp("damaged") / name
    path.write_bytes(content)
    try:
        with VideoReader(path) as reader:
            frames = [(f.pts_seconds, f.data.shape) for f in reader.read()]
        times = [seconds for seconds, _ in frames]
        assert times[0] == 0.0
        assert times == sorted(times)
        assert {shape for _, shape in frames} == {(reader.info.height, reader.info.width, 3)}
    except MediaError:
        pass
    finally:
        shutil.rmtree(path.parent)
