"""What the runner gains over a plain loop: milliseconds a frame, one run, random values.

    python bench/backbones.py [--backbones mobilenet_v2,vgg16] [--batch 8] [--threads 2]

`plain` is the naive pipeline: float32, default memory format, one frame at a time.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from kinema.backbones.load import LoadedBackbone, load_backbone
from kinema.backbones.random_init import synthetic_batch
from kinema.backbones.runner import BackboneRunner

IMAGE_NETWORKS = "mobilenet_v2,googlenet,vgg16,resnet152,inception_resnet_v2"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backbones", default=IMAGE_NETWORKS)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for name in options.backbones.split(","):
        loaded = load_backbone(name, weights="none")
        frames = list(synthetic_batch(loaded.spec.input, seed=1).numpy())
        print(f"{name:20}", end="")
        base = None
        for label, run in contenders(loaded, options.batch, options.threads).items():
            ms = milliseconds(run, frames, options.repeats) / len(frames)
            base = base or ms
            print(f"  {label} {ms:.1f} ms ({base / ms:.1f}x)", end="", flush=True)
        print()


def contenders(loaded: LoadedBackbone, batch: int, threads: int) -> dict[str, Callable]:
    """The ways to run a backbone, the plain one first."""

    def plain(frames: list[np.ndarray]) -> None:
        with torch.no_grad():
            for frame in frames:
                loaded.module(torch.from_numpy(frame[None]))

    ways: dict[str, Callable] = {"plain": plain}
    for runtime in ("torch", "openvino"):
        if importlib.util.find_spec(runtime):
            for precision in ("fp32", "bf16"):
                ways[f"{runtime} {precision}"] = BackboneRunner(
                    loaded,
                    batch_size=batch,
                    device="cpu",
                    precision=precision,
                    threads=threads,
                    runtime=runtime,
                )
    return ways


def milliseconds(run: Callable, frames: list[np.ndarray], repeats: int) -> float:
    """Median time of one call, after one to warm up."""
    run(frames)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run(frames)
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


if __name__ == "__main__":
    main()
