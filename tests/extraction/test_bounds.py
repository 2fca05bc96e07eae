"""Files that claim what they do not hold: each gives features or a reason, in bounded time and memory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

# Peak memory of a process that did nothing but import: about 150 MB. A picture of 8192 x 8192 is 200 MB.
MEGABYTES, SECONDS = 900, 120

PROGRAM = """
import sys
from kinema.errors import MediaError
from kinema.extraction.inline import messages_of
from kinema.media.video import VideoFile
from kinema.recipe import load_recipe
from kinema.resources import Resources
from kinema.streams import Task, Tools
from kinema.types import Clip
from kinema.workflows.memory import peak_memory
tools = Tools(Resources(device="cpu"))
lite = load_recipe("lite").streams["rgb"]
three = load_recipe("three-stream", ["streams.flow.method=tvl1", "streams.flow.sampling.motion=tvl1"]).streams
i3d = load_recipe("i3d-gru").streams["flow"]
for stream in (lite, three["flow"], i3d, three["audio"]):
    clips, shape = 0, None
    try:
        for message in messages_of(stream, VideoFile(sys.argv[1]), Task(), tools):
            if isinstance(message, Clip):
                clips, shape = clips + 1, message.inputs[0].shape
            else:
                print(f"{stream.input} {clips} {shape} notes: {', '.join(message.notes)}")
    except MediaError as error:
        print(f"{stream.input} reason: {error}")
print("peak", peak_memory() >> 20)
"""


CODECS = {".mkv": ("ffv1", "bgr0"), ".mov": ("png", "rgb24"), ".avi": ("mpeg4", "yuv420p")}


def write(
    path: Path,
    size: tuple[int, int],
    stamps: list[int],
    *,
    rate: int = 25,
    sound_stamps: list[int] | None = None,
) -> Path:
    """Frames of a moving slope at these stamps (1/1000 s), and blocks of 0.1 s of noise at theirs."""
    random = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        codec, pixels = CODECS[path.suffix]
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = size
        stream.pix_fmt = pixels
        unit = Fraction(1, rate) if path.suffix == ".avi" else Fraction(1, 1000)
        stream.codec_context.time_base = unit
        audio = container.add_stream("pcm_s16le", rate=16000, layout="mono") if sound_stamps else None
        slope = np.add.outer(np.arange(size[0]), np.arange(size[1])) % 200
        for number, stamp in enumerate(stamps):
            picture = np.repeat(np.roll(slope, 2 * number, axis=1)[..., None], 3, axis=2).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = stamp, unit
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        for stamp in sound_stamps or ():
            block = av.AudioFrame.from_ndarray(
                (random.normal(size=(1, 1600)) * 3000).astype(np.int16), format="s16", layout="mono"
            )
            block.sample_rate, block.pts, block.time_base = 16000, stamp * 16, Fraction(1, 16000)
            assert audio is not None
            container.mux(audio.encode(block))
    return path


def jump(folder: Path) -> Path:
    """Twenty-seven hours between two frames: at eight steps a second, 800,000 of them."""
    stamps = [40 * i + (100_000_000 if i > 5 else 0) for i in range(16)]
    return write(folder / "jump.mkv", (48, 64), stamps)


def jumps_everywhere(folder: Path) -> Path:
    return write(folder / "jumps.mkv", (48, 64), [3_600_000 * i for i in range(12)])


def sound_with_a_jump(folder: Path) -> Path:
    sound = [100 * i + (50_000_000 if i > 10 else 0) for i in range(30)]
    return write(folder / "sound.mkv", (48, 64), [100 * i for i in range(10)], sound_stamps=sound)


def late_sound(folder: Path) -> Path:
    sound = [40_000_000 + 100 * i for i in range(30)]
    return write(folder / "late.mkv", (48, 64), [100 * i for i in range(10)], sound_stamps=sound)


def absurd_rate(folder: Path) -> Path:
    """An AVI whose header claims thirty million frames a second."""
    path = write(folder / "rate.avi", (48, 64), list(range(16)))
    data = bytearray(path.read_bytes())
    header = data.index(b"strh") + 8
    data[header + 20 : header + 28] = (1).to_bytes(4, "little") + (30_000_000).to_bytes(4, "little")
    path.write_bytes(data)
    return path


def absurd_size(folder: Path) -> Path:
    """A Matroska header that claims 30,000 pixels a side."""
    path = write(folder / "huge.avi", (48, 64), list(range(4)))
    data = bytearray(path.read_bytes())
    at = data.index(b"strf") + 12
    data[at : at + 8] = (30_000).to_bytes(4, "little") * 2
    path.write_bytes(data)
    return path


def shape(height: int, width: int) -> Callable[[Path], Path]:
    def made(folder: Path) -> Path:
        return write(folder / f"{height}x{width}.mov", (height, width), [40 * i for i in range(4)])

    made.__name__ = f"{height}x{width}"
    return made


FILES = [
    jump, jumps_everywhere, sound_with_a_jump, late_sound, absurd_rate, absurd_size,
    *(shape(*size) for size in [(320, 240), (240, 240), (16, 4096), (4096, 16), (48, 1), (1, 48), (1, 1)]),
]  # fmt: skip


def told(path: Path) -> list[str]:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, path], capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert run.returncode == 0, run.stderr
    *lines, peak = run.stdout.splitlines()
    assert int(peak.split()[1]) < MEGABYTES
    return lines


@pytest.mark.parametrize("made", FILES, ids=lambda made: made.__name__)
def test_features_or_a_reason_in_bounded_time_and_memory(made: Callable[[Path], Path], tmp_path: Path):
    lines = told(made(tmp_path))
    assert [line.split()[0] for line in lines] == ["rgb", "flow", "flow", "audio"]
    for line in lines:
        if "reason:" in line:
            assert "; " in line, "a reason ends in the cure"
        else:
            assert int(line.split()[1]) < 500


def test_a_gap_is_not_content_and_is_noted(tmp_path: Path):
    rgb, flow, _, _ = told(jump(tmp_path))
    assert "gap" in rgb
    assert "gap" in flow
    _, _, _, audio = told(sound_with_a_jump(tmp_path))
    assert int(audio.split()[1]) == 3  # three seconds of sound, not fourteen hours of silence
    assert "gap" in audio


@pytest.mark.parametrize("size", [(320, 240), (240, 240), (240, 320)])
def test_the_motion_network_sees_portrait_and_square_video(size: tuple[int, int], tmp_path: Path):
    _, flow, i3d, _ = told(shape(*size)(tmp_path))
    assert "(240, 320, 20)" in flow
    assert "224, 224, 2)" in i3d
