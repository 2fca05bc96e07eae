"""Long videos to label, a run that proposes, and `kinema label` as a process."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av

from kinema.datasets.synthetic import make_long
from kinema.resources import Resources
from support.serving import started

CLASSES = ["waving", "squatting"]
LONG_STREAM = {
    "input": "rgb", "backbone": "small_cnn", "weights": "none",
    "sampling": {"kind": "windows", "length": 3, "stride": 2},
}  # fmt: skip
RECIPE = {
    "name": "small",
    "streams": {"rgb": LONG_STREAM},
    "temporal": {"kind": "gru", "units": 8, "pool": "none"},
    "classifier": {"activation": "sigmoid", "per_step": True, "vote": "max"},
    "timeline": {"chunk": 32, "folds": 2},
    "training": {"epochs": 12, "batch": 4, "lr": 0.01},
}  # fmt: skip


def long_videos(folder: Path, seconds: float = 24.0) -> Path:
    """Three videos that browsers play, and one in MPEG-4 part 2, which they do not."""
    make_long(folder, actors=4, seconds=seconds, fps=8, width=96, height=72, classes=CLASSES)
    last = sorted(folder.glob("*.mp4"))[-1]
    with av.open(str(last)) as source, av.open(str(last.with_suffix(".avi")), "w") as target:
        stream = target.add_stream("mpeg4", rate=8)
        stream.width, stream.height, stream.pix_fmt = 96, 72, "yuv420p"
        for decoded in source.decode(video=0):
            frame = av.VideoFrame.from_ndarray(decoded.to_ndarray(format="rgb24"), format="rgb24")
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    last.unlink()
    return folder


def timeline_run(folder: Path) -> Path:
    """A run trained on long videos of its own, in `folder`."""
    from kinema.workflows.context import TrainOptions
    from kinema.workflows.train import train

    segments = make_long(folder / "set", actors=4, seconds=24, fps=8, width=96, height=72, classes=CLASSES)
    resources = Resources(weights="none", features=folder / "features", workers=1, device="cpu")
    options = TrainOptions(task="timeline")
    return train(segments, recipe=RECIPE, out=folder / "run", options=options, resources=resources).run


@contextmanager
def label_program(
    data: Path, labels: Path, *options: str | Path, port: int = 0
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`kinema label` and its address; it is killed when the block ends."""
    with started("label", data, "--out", labels, "--port", port, *options) as found:
        yield found


def repeated(path: Path, out: Path, times: int) -> Path:
    """The file again and again, its packets copied."""
    with av.open(str(path)) as source:
        stream = source.streams.video[0]
        packets = [packet for packet in source.demux(stream) if packet.dts is not None]
        length = sum(packet.duration or 0 for packet in packets)
        stamps = [(packet.pts, packet.dts) for packet in packets]
        with av.open(str(out), "w") as target:
            copied = target.add_stream_from_template(stream)
            for number in range(times):
                for packet, (pts, dts) in zip(packets, stamps, strict=True):
                    packet.pts, packet.dts = pts + number * length, dts + number * length
                    packet.stream = copied
                    target.mux(packet)
    return out
