"""What a GPU does: steps a second of each backbone, pairs a second of TV-L1, whole extractions beside them.

    python bench/gpu.py [CLIPS] [--copies 8] [--parts peaks,backbones,tvl1,extract] [--only vgg16,i3d_rgb]

A step is a frame, or a clip of twenty frames for I3D. `there` is the network in bf16 on batches that lie in
the GPU's memory; `runner` takes arrays in the processor's memory and returns features there. Networks have
random values. Whole extractions go from files to stored features, with their workers started anew: in all,
and from the end of the first video on. `share` is the latter over what the network does whose inputs are
there. Each clip counts as --copies files: one that is longer by some bytes is another. Figures are medians
of three turns, with their least and greatest; an extraction is measured once.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from kinema.backbones.load import load_backbone
from kinema.backbones.random_init import synthetic_batch
from kinema.backbones.runner import BackboneRunner
from kinema.backbones.torch_runtime import TorchForward
from kinema.datasets import Dataset
from kinema.datasets.synthetic import make_synthetic
from kinema.extraction.loaded import GPU_BATCH_SIZES, load_streams
from kinema.flow.methods import FlowMethod, load_method
from kinema.media.reader import VideoReader
from kinema.recipe import resolve
from kinema.resources import Resources, cores
from kinema.streams.images import fit
from kinema.types import VideoRecord
from kinema.workflows.context import Context
from kinema.workflows.events import Events
from kinema.workflows.extract import extract_streams

BACKBONES = "mobilenet_v2,googlenet,vgg16,resnet152,inception_resnet_v2,i3d_rgb,i3d_flow"
EVERY_FRAME = "streams.rgb.sampling={kind: jump, every: 1}"
# By the backbone that bounds them: recipe, stream, what is set beside.
EXTRACTIONS = {
    "mobilenet_v2": ("lite", "rgb", [EVERY_FRAME]),
    "vgg16": ("vgg16-lstm", "rgb", [EVERY_FRAME]),
    "resnet152": ("corehar", "rgb", [EVERY_FRAME]),
    "i3d_rgb": ("i3d-gru", "rgb", []),
    "i3d_flow": ("i3d-gru", "flow", []),
}
CLIP = 20  # frames of a clip, as in i3d-gru
TURNS = 3
Rate = tuple[float, float, float]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", nargs="?", type=Path)
    parser.add_argument("--copies", type=int, default=8)
    parser.add_argument("--parts", default="peaks,backbones,tvl1,extract")
    parser.add_argument("--only", default=BACKBONES)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each turn")
    parser.add_argument("--device", default="cuda", help="cuda or cuda:N")
    options = parser.parse_args()
    parts, only = options.parts.split(","), options.only.split(",")
    if "peaks" in parts:
        print_peaks(options.device, options.seconds)
    there = print_backbones(only, options.device, options.seconds) if "backbones" in parts else {}
    with tempfile.TemporaryDirectory() as folder:
        clips = files(options.clips, Path(folder), options.copies)
        if "tvl1" in parts:
            print_tvl1(clips[0], options.device, options.seconds)
        for name in only:
            if "extract" in parts and name in EXTRACTIONS:
                print_extraction(name, clips, options.device, Path(folder), there)


def rate(work: Callable[[], float], seconds: float) -> Rate:
    """Units of `work`, which returns how many it did, a second: the median of the turns, least, greatest."""
    work()
    found = sorted(_turn(work, seconds) for _ in range(TURNS))
    return statistics.median(found), found[0], found[-1]


def _turn(work: Callable[[], float], seconds: float) -> float:
    done, start = 0.0, time.perf_counter()
    while time.perf_counter() < start + seconds:
        done += work()
    return done / (time.perf_counter() - start)


def text(found: Rate) -> str:
    """A rate and its range."""
    return "{:.0f} ({:.0f}-{:.0f})".format(*found)


def print_peaks(device: str, seconds: float) -> None:
    """The card, and its products of matrices."""
    if device.startswith("cuda"):
        print(f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}, {cores()} cores")
    side = 8192 if device.startswith("cuda") else 512
    for dtype in (torch.float32, torch.bfloat16):
        a, b = torch.randn(2, side, side, device=device, dtype=dtype)
        print(f"product of matrices, {dtype}: {text(rate(partial(_product, a, b), seconds))} TFLOP a second")


def _product(a: torch.Tensor, b: torch.Tensor) -> float:
    torch.mm(a, b)
    _wait(a.device.type)
    return 2 * len(a) ** 3 / 1e12


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def print_backbones(names: list[str], device: str, seconds: float) -> dict[str, float]:
    """Steps a second of each; returned where the inputs are there."""
    found = {}
    print(f"{'backbone':20} {'there':>24} {'runner':>24}  batch")
    for name in names:
        loaded = load_backbone(name, weights="none")
        size = GPU_BATCH_SIZES[loaded.spec.input.kind]
        inputs = _inputs(loaded.spec.input, size)
        runner = BackboneRunner(loaded, batch_size=size, device=device, precision="bf16")
        runner(inputs)  # settles the batch
        there = torch.from_numpy(np.stack(inputs[: runner.batch_size])).to(runner._forward.place)
        ways = partial(_there, runner._forward, there), partial(_run, runner, inputs)
        rates = [rate(way, seconds) for way in ways]
        found[name] = rates[0][0]
        columns = " ".join(f"{text(r):>24}" for r in rates)
        print(f"{name:20} {columns}  {runner.batch_size}", flush=True)
    return found


def _inputs(view, size: int) -> list[np.ndarray]:
    steps = synthetic_batch(view, seed=1).numpy()
    if view.kind in ("clip", "flow_clip"):
        steps = np.concatenate([steps] * -(-CLIP // steps.shape[1]), axis=1)[:, :CLIP]
    return [steps[i % len(steps)] for i in range(size)]


def _run(runner: BackboneRunner, inputs: list[np.ndarray]) -> int:
    return len(runner(inputs))


def _there(forward: TorchForward, inputs: torch.Tensor) -> int:
    with torch.inference_mode(), torch.autocast(inputs.device.type, torch.bfloat16, forward._autocast):
        forward._network(inputs)
    _wait(inputs.device.type)
    return len(inputs)


def print_tvl1(record: VideoRecord, device: str, seconds: float) -> None:
    """Pairs a second of a clip, on the device and on all processors."""
    with VideoReader(record.path) as reader:
        frames = [fit(f.data, (224, 224), "stretch") for f in islice(reader.read(), 49)]
    found = rate(partial(_fields, frames, load_method("tvl1", device=device)), seconds)
    print(f"TV-L1, 224x224, {device}: {text(found)} pairs a second")
    work = partial(_fields, frames, load_method("tvl1"))
    with ThreadPoolExecutor(cores()) as pool:
        found = rate(lambda: sum(pool.map(lambda _: work(), range(cores()))), seconds)
    print(f"TV-L1, 224x224, {cores()} cores: {text(found)} pairs a second", flush=True)


def _fields(frames: list[np.ndarray], method: FlowMethod) -> int:
    return len(list(method.fields(frames)))


def files(clips: Path | None, folder: Path, copies: int) -> list[VideoRecord]:
    """Every clip as several files of different content."""
    if clips is None:
        clips = folder / "synthetic"
        make_synthetic(clips, actors=2, clips_per_actor=1, width=320, height=240, fps=25, seconds=6)
    records = []
    for number, path in enumerate(sorted(p for p in clips.rglob("*") if p.suffix in {".avi", ".mp4"})):
        for copy in range(copies):
            target = folder / f"{number}-{copy}{path.suffix}"
            target.write_bytes(path.read_bytes() + bytes(copy))
            records.append(VideoRecord(target, "any"))
    return records


def print_extraction(
    backbone: str, videos: list[VideoRecord], device: str, folder: Path, there: dict[str, float]
) -> None:
    """Steps a second from files to stored features."""
    recipe, stream, settings = EXTRACTIONS[backbone]
    resources = Resources(weights="none", device=device, features=folder / backbone)
    ended = Ended()
    context = Context(resources, ended)
    streams = load_streams({stream: resolve(recipe, settings, resources).streams[stream]}, resources)
    records = context.identified(Dataset("csv", folder, ("any",), tuple(videos))).records
    extract_streams(records[:1], streams, context)
    start, before = time.perf_counter(), _processor_seconds()
    report = extract_streams(records, streams, context).reports[stream]
    seconds, workers = time.perf_counter() - start, streams[stream].workers
    main, decoding = (after - b for after, b in zip(_processor_seconds(), before, strict=True))
    found = report.steps / seconds
    going = report.steps * ended.share / (start + seconds - ended.first)
    share = f", share {going / there[backbone]:.2f}" if backbone in there else ""
    busy = f"{workers} workers busy {decoding / seconds / workers:.0%}, main process {main / seconds:.0%}"
    rates = f"{found:.0f} steps a second, {going:.0f} from the first video on{share}"
    print(
        f"extract {recipe} {stream}: {rates} ({report.extracted} files, {seconds:.1f} s, {busy})", flush=True
    )


class Ended(Events):
    """When the first video of the last extraction had ended, and the share of the files behind it."""

    def __init__(self) -> None:
        self.first, self.share = 0.0, 1.0

    def step(self, text: str) -> None:
        self.first = 0.0

    def progress(self, done: int, total: int) -> None:
        if not self.first and done:
            self.first, self.share = time.perf_counter(), 1 - done / total


def _processor_seconds() -> tuple[float, float]:
    """Of this process, and of the workers that have ended."""
    own, theirs = (resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime, theirs.ru_utime + theirs.ru_stime


if __name__ == "__main__":
    main()
