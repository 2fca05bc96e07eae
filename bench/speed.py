"""Kinema's speed on this machine, against the pipeline that one writes first, by turns in one run.

    python bench/speed.py [CLIPS] [--clips 6] [--rounds 3] [--precisions fp32,bf16,int8] [--runtime openvino]
                          [--only lite,tvl1] [--processor] [--quick] [--json FILE]

Naive is OpenCV frame by frame, the same network in eager fp32, one step at a time (`_naive.py`; i3d-gru with
OpenCV's TV-L1). Kinema is `kinema extract` from file to stored features, with its workers started anew for
every extraction. Loading and compiling networks is left out of both, and OpenMP's threads wait passively in
both. Networks have random values. Without CLIPS, a folder, synthetic ones are made.

The machine's peaks come first. `ratio` is naive's time over Kinema's: the median of the rounds, and their
least and greatest. `backbone` is the share of Kinema's time that its backbones alone need for as many steps,
`of peak` the share that they would need at the machine's peak in that precision. With --processor all seconds
are those of the processor, of all processes together: for a machine that does other work too.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from kinema.datasets.synthetic import make_synthetic
from kinema.errors import KinemaError
from kinema.extraction.calibrate import calibrated
from kinema.extraction.loaded import LoadedStream, load_streams
from kinema.flow.methods import load_method
from kinema.recipe import resolve
from kinema.resources import Resources, threads
from kinema.types import VideoRecord
from kinema.workflows.context import Context
from kinema.workflows.extract import extract_streams

SUFFIXES = {".mp4", ".avi", ".mkv", ".mov", ".webm"}


@dataclass(frozen=True)
class Line:
    """A line of the table: a recipe on the first `frames` frames of `clips` clips, and what is aimed at."""

    recipe: str
    frames: int | None
    clips: int
    aims: Mapping[str, float]


LINES = (
    Line("vgg16-lstm", 40, 6, {"bf16": 2.2, "int8": 4.5}),
    Line("lite", None, 6, {"fp32": 5.0, "bf16": 8.0}),
    Line("i3d-gru", 60, 1, {"fp32": 30.0}),
)
TVL1_AIM = 40.0


@dataclass
class Measured:
    """Seconds of every round by who took them, and what the steps cost."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    alone: dict[str, list[float]] = field(default_factory=dict)
    gflop: float = 0.0

    def ratios(self, way: str) -> list[float]:
        """Naive's time over that of `way`, round by round."""
        return [n / k for n, k in zip(self.seconds["naive"], self.seconds[way], strict=True)]


def main() -> None:
    """Measure and print."""
    args = arguments()
    import torch  # after kinema, which says how OpenMP's threads wait

    from _peaks import memory, peaks

    global clock
    clock = processor_seconds if args.processor else time.perf_counter
    torch.set_num_threads(threads())
    most = peaks(clock)
    print(machine())
    print(
        "peaks: "
        + ", ".join(f"{p} {g:.0f} GFLOP/s" for p, g in most.items())
        + f", memory {memory(clock):.0f} GB/s"
    )
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        clips = clips_of(args, Path(scratch))
        print(HEADER)
        for line in LINES:
            if wanted(line.recipe, args):
                rows += whole(line, clips, most, args, Path(scratch))
        if wanted("tvl1", args):
            rows.append(tvl1(clips[0], args.rounds))
    if args.json:
        args.json.write_text(json.dumps({"machine": machine(), "peaks": most, "rows": rows}, indent=2) + "\n")


def arguments() -> argparse.Namespace:
    """What the user asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("videos", nargs="?", type=Path, metavar="CLIPS", help="a folder of videos")
    parser.add_argument("--clips", type=int, help="videos a line, at most")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precisions", default="fp32,bf16", help="int8 needs NNCF")
    parser.add_argument("--runtime", help="openvino or torch; Kinema's own choice without it")
    parser.add_argument("--only", help="lines, by their names")
    parser.add_argument("--processor", action="store_true", help="seconds of the processor, not of the clock")
    parser.add_argument(
        "--quick", action="store_true", help="one round, one clip of two seconds: does it run?"
    )
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if args.quick:
        args.rounds, args.clips = 1, 1
    return args


def wanted(name: str, args: argparse.Namespace) -> bool:
    """Whether a line was asked for."""
    return args.only is None or name in args.only.split(",")


def clips_of(args: argparse.Namespace, scratch: Path) -> list[Path]:
    """The user's videos, one of each folder in turn, or synthetic ones."""
    if args.videos is None:
        make_synthetic(
            scratch / "clips", actors=2, clips_per_actor=1, width=320, height=240, fps=25,
            seconds=2.5 if args.quick else 6, classes=["walking", "boxing", "waving"],
        )  # fmt: skip
    found = sorted(p for p in (args.videos or scratch / "clips").rglob("*") if p.suffix.lower() in SUFFIXES)
    if not found:
        raise SystemExit(f"no videos in {args.videos}; give a folder that holds some")
    most = max(line.clips for line in LINES)
    return found[:: max(1, len(found) // most)][:most]


def whole(
    line: Line, clips: Sequence[Path], peak: Mapping[str, float], args: argparse.Namespace, scratch: Path
) -> Iterator[dict[str, Any]]:
    """The rows of a recipe, printed as they come."""
    paths = clips[: min(line.clips, args.clips or line.clips)]
    records = [VideoRecord(path, frames=line.frames and (0, line.frames)) for path in paths]
    ours = {}
    for precision in args.precisions.split(","):
        if precision not in peak:
            print(f"{line.recipe:12} {precision:6} left out: this processor has no units for it")
        elif (streams := loaded(line, precision, records, args, scratch)) is not None:
            ours[precision] = streams
    if not ours:
        return
    found = by_turns(line, records, ours, args.rounds, scratch)
    for precision in ours:
        yield row(line, precision, len(paths), found, peak)


def loaded(
    line: Line, precision: str, records: Sequence[VideoRecord], args: argparse.Namespace, scratch: Path
) -> dict[str, LoadedStream] | None:
    """The recipe's streams with random networks, compiled; None where they cannot be, which is told.

    In int8 they are calibrated on the videos first.
    """
    try:
        runtime = {"runtime": args.runtime} if args.runtime else {}
        resources = Resources(weights="none", device="cpu", precision=precision, **runtime)
        streams = load_streams(resolve(line.recipe, (), resources).streams, resources)
        context = Context(Resources(features=scratch / f"{line.recipe}-{precision}"))
        digests = context.digests(records)
        streams = {n: calibrated(s, records, digests, context.store) for n, s in streams.items()}
        for stream in streams.values():
            alone(stream, 1)
    except KinemaError as error:
        print(f"{line.recipe:12} {precision:6} left out: {error}")
        return None
    return streams


def by_turns(
    line: Line,
    records: Sequence[VideoRecord],
    ours: Mapping[str, Mapping[str, LoadedStream]],
    rounds: int,
    scratch: Path,
) -> Measured:
    """One way after the other, round after round, behind a round on one video that is not counted."""
    from _naive import naive_steps

    found, steps = Measured(), {}
    streams = next(iter(ours.values()))

    def naive(some: Sequence[VideoRecord], _: Path) -> int:
        return sum(naive_steps(list(streams.values()), r.path, line.frames) for r in some)

    ways: dict[str, Callable[[Sequence[VideoRecord], Path], int]] = {"naive": naive}
    ways |= {precision: extraction(parts) for precision, parts in ours.items()}
    for turn in range(-1, rounds):
        some = records if turn >= 0 else records[:1]
        for name, way in ways.items():
            seconds, steps[name] = timed(way, some, scratch / f"{line.recipe}-{name}-{turn}")
            if turn >= 0:
                found.seconds.setdefault(name, []).append(seconds)
                if name != "naive":
                    found.alone.setdefault(name, []).append(backbones_alone(ours[name], steps[name]))
    if len(set(steps.values())) > 1:
        raise SystemExit(f"not all sampled the same: {steps}")
    found.gflop = sum(gflop(stream) for stream in streams.values()) * steps["naive"] / len(streams)
    return found


def extraction(streams: Mapping[str, LoadedStream]) -> Callable[[Sequence[VideoRecord], Path], int]:
    """What `kinema extract` does, into a store that is empty."""

    def extract(records: Sequence[VideoRecord], store: Path) -> int:
        resources = next(iter(streams.values())).resources
        context = Context(Resources(weights="none", device="cpu", features=store, workers=resources.workers))
        return sum(report.steps for report in extract_streams(records, streams, context).reports.values())

    return extract


def backbones_alone(streams: Mapping[str, LoadedStream], steps: int) -> float:
    """Seconds of the backbones on steps that are there already; the streams have equally many."""
    return sum(timed(alone, stream, steps // len(streams))[0] for stream in streams.values())


def alone(stream: LoadedStream, steps: int) -> None:
    """So many steps through a stream's backbones, batch by batch."""
    size = stream.compute.batch_size
    inputs = [tuple(example(stream))] * size
    for _ in range(-(-steps // size)):
        stream.compute(inputs)


def example(stream: LoadedStream) -> list[np.ndarray]:
    """A step of noise for each backbone of a stream."""
    length = getattr(stream.spec.sampling, "length", None)
    random, made = np.random.default_rng(0), []
    for view in stream.spec.views:
        channels = 2 if view.kind == "flow_clip" else 3
        shape = (*view.size, channels) if view.kind == "frame" else (length, *view.size, channels)
        made.append((random.random(shape) * (255 if view.dtype == "uint8" else 1)).astype(view.dtype))
    return made


def gflop(stream: LoadedStream) -> float:
    """Of one step, two for each product and sum."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        for backbone, step in zip(stream.backbones, example(stream), strict=True):
            backbone.module(torch.from_numpy(step[None]))
    return counter.get_total_flops() / 1e9


def timed(call: Callable[..., Any], *args: Any) -> tuple[float, Any]:
    """Seconds, and what came of it."""
    start = clock()
    result = call(*args)
    return clock() - start, result


def processor_seconds() -> float:
    """Of this process and of its workers that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


clock: Callable[[], float] = time.perf_counter


def tvl1(clip: Path, rounds: int, pairs: int = 4) -> dict[str, Any]:
    """Our TV-L1 and OpenCV's, a thread each, at 320 x 240."""
    from _naive import decoded

    pictures, _ = decoded(clip, pairs + 1)
    grey = [cv2.cvtColor(cv2.resize(p, (320, 240)), cv2.COLOR_BGR2GRAY) for p in pictures]
    ours, theirs = load_method("tvl1", device="cpu"), cv2.optflow.DualTVL1OpticalFlow_create()
    list(ours.fields(grey[:2]))  # compiled, or read from the cache
    cv2.setNumThreads(1)
    found = Measured()
    for _ in range(rounds):
        for name, call in {
            "naive": lambda: [theirs.calc(a, b, None) for a, b in pairwise(grey)],
            "fp32": lambda: list(ours.fields(grey)),
        }.items():
            found.seconds.setdefault(name, []).append(timed(call)[0] / (len(grey) - 1))
    cv2.setNumThreads(-1)
    return row(Line("tvl1", None, 1, {"fp32": TVL1_AIM}), "fp32", 1, found, {})


HEADER = (
    f"{'':12} {'':6} {'naive':>8} {'kinema':>8}  {'ratio':>6} {'least to most':>15} {'aim':>5}"
    "  backbone  of peak"
    f"\n{'':20}s/video  s/video"
)


def row(line: Line, precision: str, clips: int, found: Measured, peak: Mapping[str, float]) -> dict[str, Any]:
    """One line of the table, printed, and as plain data."""
    ratios = found.ratios(precision)
    naive, ours = (statistics.median(found.seconds[name]) for name in ("naive", precision))
    result: dict[str, Any] = {
        "line": line.recipe, "precision": precision, "aim": line.aims.get(precision),
        "naive_seconds": naive / clips, "kinema_seconds": ours / clips,
        "ratio": statistics.median(ratios), "ratios": ratios,
    }  # fmt: skip
    if precision in found.alone:
        shares = [a / s for a, s in zip(found.alone[precision], found.seconds[precision], strict=True)]
        result["backbone_share"] = statistics.median(shares)
    if precision in peak:
        result["peak_share"] = found.gflop / peak[precision] / ours
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    aim = f"{result['aim']:g}" if result["aim"] else ""
    parts = "".join(f"{result[k]:9.0%}" if k in result else "" for k in ("backbone_share", "peak_share"))
    print(
        f"{line.recipe:12} {precision:6} {naive / clips:8.3f} {ours / clips:8.3f}  {result['ratio']:6.2f} "
        f"{spread:>15} {aim:>5} {parts}",
        flush=True,
    )
    return result


def machine() -> str:
    """What the numbers depend on, in a line."""
    versions = []
    for package in ("torch", "openvino", "opencv-contrib-python-headless", "av"):
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            versions.append(f"no {package}")
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{threads()} threads{load}, {platform.platform()}, " + ", ".join(versions)


if __name__ == "__main__":
    main()
