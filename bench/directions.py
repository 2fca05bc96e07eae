"""Clips forwards and backwards: a set on which the order of frames alone decides.

    python bench/directions.py UCF101_FOLDER OUT [--frames 120] [--cut 12] [--side 240]

Every clip under UCF101_FOLDER is written as OUT/forwards/NAME.mp4 and OUT/backwards/NAME.mp4, both encoded
alike and intra-only, so that no frame's quality depends on its neighbours. `--cut` frames are left out at
both ends: a source's first frame is a keyframe, and its quality alone would tell the direction. Names keep
their groups (`_g07_`): both directions of a clip, and all clips of a scene, are on one side of a split.
"""

from __future__ import annotations

import argparse
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from PIL import Image

# x264's constant rate factor: near the source's own quality.
CRF = 18


def read(path: Path, side: int) -> tuple[list[np.ndarray], Fraction]:
    """All frames, uint8 [h, w, 3], shorter side `side`, both sides even; and the frame rate."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        rate = stream.average_rate or Fraction(25)
        frames = [_fit(frame.to_ndarray(format="rgb24"), side) for frame in container.decode(stream)]
    return frames, rate


def _fit(image: np.ndarray, side: int) -> np.ndarray:
    height, width = image.shape[:2]
    scale = side / min(height, width)
    size = tuple(2 * round(length * scale / 2) for length in (width, height))
    if size == (width, height):
        return image
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))


def write(path: Path, frames: list[np.ndarray], rate: Fraction) -> None:
    """H.264 of intra frames alone."""
    with av.open(str(path), "w") as container:
        options = {"crf": str(CRF), "preset": "veryfast", "x264-params": "keyint=1:bframes=0:scenecut=0"}
        stream = container.add_stream("libx264", rate=rate, options=options)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.thread_count = "yuv420p", 1
        for frame in frames:
            container.mux(stream.encode(VideoFrame.from_ndarray(np.ascontiguousarray(frame), "rgb24")))
        container.mux(stream.encode())


def make(source: Path, out: Path, *, frames: int = 120, cut: int = 12, side: int = 240) -> int:
    """Write both directions of every clip; the number of clips. What is there already is kept."""
    count = 0
    for direction in ("forwards", "backwards"):
        (out / direction).mkdir(parents=True, exist_ok=True)
    for path in sorted(p for p in source.rglob("*") if p.suffix.lower() in {".avi", ".mp4"}):
        targets = [out / direction / f"{path.stem}.mp4" for direction in ("forwards", "backwards")]
        count += 1
        if all(target.exists() for target in targets):
            continue
        found, rate = read(path, side)
        kept = found[cut : len(found) - cut][:frames]
        if len(kept) < 2:
            count -= 1
            continue
        for target, ordered in zip(targets, (kept, kept[::-1]), strict=True):
            partial = target.with_suffix(".part.mp4")
            write(partial, ordered, rate)
            partial.rename(target)
    return count


def main() -> None:
    """Make the set."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--frames", type=int, default=120, help="of a clip at most")
    parser.add_argument("--cut", type=int, default=12, help="frames left out at both ends")
    parser.add_argument("--side", type=int, default=240, help="pixels of the shorter side")
    args = parser.parse_args()
    count = make(args.source, args.out, frames=args.frames, cut=args.cut, side=args.side)
    print(f"{count} clips in both directions: {args.out}")


if __name__ == "__main__":
    main()
