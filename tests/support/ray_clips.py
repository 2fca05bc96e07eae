"""Short videos for a cluster, and the store that one machine makes of them; shared by its tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from kinema.media.writer import VideoWriter

from .ray_cluster import tree

# A network that is there at once.
SETTINGS = ["streams.rgb.backbone=small_cnn", "streams.rgb.sampling={kind: windows, length: 3, stride: 1}"]
OPTIONS = ["--recipe", "lite", "--weights", "none", "--layout", "folder"]
OPTIONS += [word for setting in SETTINGS for word in ("--set", setting)]


def write_clip(path: Path, frames: int, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = np.random.default_rng(seed).integers(0, 255, (48, 64, 3)).astype(np.uint8)
    with VideoWriter(path, fps=10, width=64, height=48, preset="ultrafast") as writer:
        for shift in range(frames):
            writer.write(np.roll(picture, shift, axis=1))


def extract_here(data: Path, store: Path) -> dict[str, bytes]:
    """The store of an extraction on this machine alone."""
    command = [sys.executable, "-m", "kinema", "extract", str(data), *OPTIONS, "--features", str(store)]
    subprocess.run(command, check=True, capture_output=True)
    return tree(store)
