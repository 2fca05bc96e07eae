"""The extraction engine against the naive pipeline, in one run, by turns.

    python bench/extract.py [--data FOLDER] [--videos 16] [--seconds 4] [--repeats 3] [--recipe lite]

`naive` decodes with OpenCV frame by frame and runs the same network, with the same random weights, in
plain PyTorch on one frame at a time. `kinema` is `kinema.extraction.engine` with its start-up of workers
and its writing of features. Both sample the same frames; loading the network is left out of both, and
both have torch's threads wait passively, as Kinema sets them.
The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from kinema.extraction.extract import digest_files, extract, items_of
from kinema.extraction.loaded import LoadedStream, load_streams
from kinema.features.store import FeatureStore
from kinema.media.writer import VideoWriter
from kinema.recipe import resolve
from kinema.resources import Resources
from kinema.sampling.specs import Rate
from kinema.types import VideoRecord

SUFFIXES = {".mp4", ".avi", ".mkv", ".mov", ".webm"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of videos; synthetic ones are made without it")
    parser.add_argument("--videos", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of the synthetic videos")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--recipe", default="lite", help="one with an rgb stream sampled by rate")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.data or synthetic(Path(scratch) / "videos", options.videos, options.seconds)
        paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)[: options.videos]
        resources = Resources(weights="none")
        part = load_streams(resolve(options.recipe, (), resources).streams, resources)["rgb"]
        report(measure(part, paths, options.repeats, Path(scratch)))


def synthetic(folder: Path, videos: int, seconds: float) -> Path:
    """H.264 at 320 x 240 and 25 frames per second: a noisy picture that moves."""
    folder.mkdir()
    for number in range(videos):
        random = np.random.default_rng(number)
        coarse = random.integers(0, 255, (15, 20, 3)).astype(np.uint8)
        picture = cv2.resize(coarse, (320, 240), interpolation=cv2.INTER_CUBIC)
        with VideoWriter(folder / f"{number:03}.mp4", fps=25, width=320, height=240) as writer:
            for frame in range(round(25 * seconds)):
                noise = random.integers(0, 12, (240, 320, 3)).astype(np.uint8)
                writer.write(np.roll(picture, 2 * frame, axis=1) // 2 + noise)
    return folder


def measure(part: LoadedStream, paths: list[Path], repeats: int, scratch: Path) -> dict[str, object]:
    """Time both by turns, after one small round of each to warm up."""
    import torch  # after kinema, which says how OpenMP's threads wait

    torch.set_num_threads(os.cpu_count() or 1)
    ways: dict[str, Callable[[list[Path], Path], int]] = {
        "naive": lambda some, _: naive(part, some),
        "kinema": lambda some, store: ours(part, some, store),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    steps: dict[str, int] = {}
    for turn in range(-1, repeats):
        for name, way in ways.items():
            start = time.perf_counter()
            steps[name] = way(paths if turn >= 0 else paths[:1], scratch / f"store{turn}")
            if turn >= 0:
                seconds[name].append(time.perf_counter() - start)
    if steps["naive"] != steps["kinema"]:
        raise SystemExit(f"the two did not sample the same: {steps}")
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    return {
        "machine": machine(),
        "backbone": part.spec.backbones[0],
        "videos": len(paths),
        "frames": steps["kinema"],
        "seconds": seconds,
        "videos_per_second": {name: len(paths) / median for name, median in medians.items()},
        "frames_per_second": {name: steps["kinema"] / median for name, median in medians.items()},
        "ratio": medians["naive"] / medians["kinema"],
    }


def naive(part: LoadedStream, paths: list[Path]) -> int:
    """Steps computed: OpenCV, eager PyTorch, one frame at a time."""
    import torch

    sampling, view, module = part.spec.sampling, part.spec.views[0], part.backbones[0].module
    if not isinstance(sampling, Rate) or view.size is None:
        raise SystemExit("the naive pipeline knows frames sampled by rate; choose such a recipe")
    steps = 0
    for path in paths:
        video = cv2.VideoCapture(str(path))
        frames, fps = [], video.get(cv2.CAP_PROP_FPS)
        while True:
            found, frame = video.read()
            if not found:
                break
            frames.append(frame)
        times = np.arange(len(frames)) / fps
        chosen = np.searchsorted(times, np.arange(0, times[-1], 1 / sampling.fps))[: sampling.max_frames]
        features = []
        for index in chosen:
            picture = cv2.cvtColor(cv2.resize(square(frames[index]), view.size[::-1]), cv2.COLOR_BGR2RGB)
            with torch.no_grad():
                features.append(module(torch.from_numpy(picture[None])))
        steps += len(features)
    return steps


def square(frame: np.ndarray) -> np.ndarray:
    """The middle of a frame."""
    height, width = frame.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return frame[top : top + side, left : left + side]


def ours(part: LoadedStream, paths: list[Path], root: Path) -> int:
    """Steps computed: what `kinema extract` does."""
    store = FeatureStore(root)
    shelf = part.shelf(store)
    records = [VideoRecord(path) for path in paths]
    items = items_of(records, digest_files(paths)[0], lambda record: 0)
    done = extract(
        items, part.spec, part.compute, store, lambda _: shelf, part.resources, workers=part.workers
    )
    return done.steps


def machine() -> dict[str, object]:
    """What the numbers depend on."""
    import torch

    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    versions = {"python": platform.python_version(), "torch": torch.__version__, "opencv": cv2.__version__}
    return {"cores": os.cpu_count(), "system": platform.platform(), "load_before": load, **versions}


def report(result: dict) -> None:
    facts = result["machine"]
    print(
        f"{result['videos']} videos, {result['frames']} sampled frames, {result['backbone']}, "
        f"{facts['cores']} cores, load {facts['load_before']}, torch {facts['torch']}"
    )
    for name, median in ((n, statistics.median(t)) for n, t in result["seconds"].items()):
        videos, frames = result["videos_per_second"][name], result["frames_per_second"][name]
        print(f"{name:8} {median:7.2f} s   {videos:7.2f} videos/s   {frames:8.1f} frames/s")
    print(f"ratio    {result['ratio']:7.2f}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
