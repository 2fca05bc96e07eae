"""TV-L1 optical flow, ours against OpenCV's, interleaved in one run with the same number of threads.

    python bench/flow.py [CLIP ...] [--pairs 4] [--rounds 5] [--threads 1,2]

Prints milliseconds a pair (medians of the rounds), their ratio, and how far the fields differ; OpenCV against
itself, with another rounding of its warp (its IPP off), shows how far rounding alone carries the fields.
Without CLIP: four clips of the real data, or drifting noise where there is none.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from kinema.flow.methods import load_method
from kinema.media.reader import VideoReader

SIZE = (320, 240)


def frames_of(path: Path, count: int) -> np.ndarray:
    """The first `count` frames, grey, 320x240."""
    frames = []
    with VideoReader(path) as reader:
        for frame in reader.read(pixel_format="gray8"):
            frames.append(cv2.resize(frame.data, SIZE, interpolation=cv2.INTER_AREA))
            if len(frames) == count:
                break
    return np.stack(frames)


def drifting_noise(count: int) -> np.ndarray:
    """Smooth noise that moves by (3, 1) pixels a frame."""
    noise = np.random.default_rng(0).random((240, 320), np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), 3)
    noise = cv2.normalize(noise, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    return np.stack([np.roll(noise, (t, 3 * t), (0, 1)) for t in range(count)])


def by_kinema(frames: np.ndarray, threads: int) -> np.ndarray:
    """Our fields [T - 1, 2, H, W], pixels."""
    return np.stack(list(load_method("tvl1", threads=threads).fields(frames)))


def by_opencv(frames: np.ndarray) -> np.ndarray:
    """OpenCV's fields, in our layout."""
    method = cv2.optflow.DualTVL1OpticalFlow_create()
    fields = [method.calc(a, b, None) for a, b in pairwise(frames)]
    return np.stack(fields).transpose(0, 3, 1, 2)


def difference(a: np.ndarray, b: np.ndarray) -> str:
    """Mean and 99th percentile of the end-point difference, as text."""
    distance = np.hypot(*(a - b).transpose(1, 0, 2, 3))
    return f"{distance.mean():.4f} / {np.percentile(distance, 99):.3f} px"


def measure(frames: np.ndarray, threads: int, rounds: int) -> tuple[float, float]:
    """Milliseconds a pair: ours, OpenCV's; one after the other, medians over the rounds."""
    cv2.setNumThreads(threads)
    ours, theirs = [], []
    for _ in range(rounds):
        start = time.perf_counter()
        by_kinema(frames, threads)
        middle = time.perf_counter()
        by_opencv(frames)
        ours.append(middle - start)
        theirs.append(time.perf_counter() - middle)
    scale = 1e3 / (len(frames) - 1)
    return statistics.median(ours) * scale, statistics.median(theirs) * scale


def default_clips() -> list[Path]:
    """Every eightieth UCF101 clip of the real data, if it is here."""
    root = Path(os.environ.get("KINEMA_TEST_DATA", "../shared")) / "data" / "ucf101_6"
    return sorted(root.rglob("*.avi"))[::80][:4]


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", nargs="*", type=Path)
    parser.add_argument("--pairs", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", default="1,2")
    args = parser.parse_args()
    cv2.ocl.setUseOpenCL(False)
    clips = args.clips or default_clips()
    loaded = [(c.name, frames_of(c, args.pairs + 1)) for c in clips]
    loaded = loaded or [("drifting noise", drifting_noise(args.pairs + 1))]
    by_kinema(loaded[0][1][:2], 1)  # compiled, or read from the cache
    print(f"{'clip':32} threads    ours  OpenCV  ratio   difference (mean / p99)   OpenCV to itself")
    ratios: list[float] = []
    for name, frames in loaded:
        exact = by_opencv(frames)
        cv2.ipp.setUseIPP(False)
        noise = difference(exact, by_opencv(frames))
        cv2.ipp.setUseIPP(True)
        apart = difference(by_kinema(frames, 1), exact)
        for threads in map(int, args.threads.split(",")):
            ours, theirs = measure(frames, threads, args.rounds)
            ratios.append(theirs / ours)
            times = f"{threads:7} {ours:7.1f} {theirs:7.0f} {theirs / ours:6.1f}"
            print(f"{name[:32]:32} {times}   {apart:23}   {noise}")
    print(f"median ratio {statistics.median(ratios):.1f}")


if __name__ == "__main__":
    main()
