"""Kinema recognises human actions in video with CNN + RNN models.

import kinema
kinema.train("videos", recipe="lite", out="run")
run = kinema.load("run")
run.predict("clip.mp4").top(3)
run.embed("clip.mp4")
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .inference.predictor import load
    from .media.video import GivenFrames, VideoFile
    from .resources import Resources
    from .workflows.embed import embed_dataset as embed
    from .workflows.evaluate import evaluate
    from .workflows.train import train

# Before torch loads its OpenMP: threads that spin while they wait starve the decoding processes beside them
# (measured: 116 against 16 ms a frame for MobileNetV2 on two busy cores).
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

__version__ = "0.1.0"
__all__ = ["GivenFrames", "Resources", "VideoFile", "embed", "evaluate", "load", "train"]

# Public name -> module and name there.
_HOMES = {
    "GivenFrames": ("media.video", "GivenFrames"),
    "Resources": ("resources", "Resources"),
    "VideoFile": ("media.video", "VideoFile"),
    "embed": ("workflows.embed", "embed_dataset"),
    "evaluate": ("workflows.evaluate", "evaluate"),
    "load": ("inference.predictor", "load"),
    "train": ("workflows.train", "train"),
}


def __getattr__(name: str) -> Any:
    # Loaded on first use: decoding workers import this package and must not wait for torch.
    if name not in _HOMES:
        raise AttributeError(f"module 'kinema' has no attribute '{name}'")
    module, found = _HOMES[name]
    return getattr(import_module(f".{module}", __name__), found)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
