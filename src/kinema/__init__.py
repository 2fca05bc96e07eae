"""Kinema recognises human actions in video with CNN + RNN models.

import kinema
kinema.train("videos", recipe="lite", out="run")
run = kinema.load("run")
run.predict("clip.mp4").top(3)
run.embed("clip.mp4")
"""

import os
import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .cli.console import ConsoleEvents
    from .inference.anomaly import load_anomaly
    from .inference.load import load
    from .inference.segments import segments
    from .media.video import GivenFrames, VideoFile
    from .resources import Resources
    from .workflows.embed import embed_dataset as embed
    from .workflows.embed import search_videos as search
    from .workflows.evaluate import evaluate
    from .workflows.export import export_run as export
    from .workflows.extract import extract_dataset as extract
    from .workflows.scan import scan
    from .workflows.study import run_study as study
    from .workflows.train import train

# Before torch loads its OpenMP: threads that spin while they wait starve the decoding processes beside them
# (measured: 116 against 16 ms a frame for MobileNetV2 on two busy cores).
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

__version__ = "0.1.0"

# Public name -> module and name there.
_HOMES = {
    "ConsoleEvents": ("cli.console", "ConsoleEvents"),
    "GivenFrames": ("media.video", "GivenFrames"),
    "Resources": ("resources", "Resources"),
    "VideoFile": ("media.video", "VideoFile"),
    "embed": ("workflows.embed", "embed_dataset"),
    "evaluate": ("workflows.evaluate", "evaluate"),
    "export": ("workflows.export", "export_run"),
    "extract": ("workflows.extract", "extract_dataset"),
    "load": ("inference.load", "load"),
    "load_anomaly": ("inference.anomaly", "load_anomaly"),
    "scan": ("workflows.scan", "scan"),
    "search": ("workflows.embed", "search_videos"),
    "segments": ("inference.segments", "segments"),
    "study": ("workflows.study", "run_study"),
    "train": ("workflows.train", "train"),
}
# Verbs whose name is a subpackage's too: that package can be called.
_CALLED = {"anomaly": ("workflows.anomaly", "fit_anomaly"), "flow": ("workflows.flow", "write_flow")}

__all__ = [
    "ConsoleEvents",
    "GivenFrames",
    "Resources",
    "VideoFile",
    "anomaly",
    "embed",
    "evaluate",
    "export",
    "extract",
    "flow",
    "load",
    "load_anomaly",
    "scan",
    "search",
    "segments",
    "study",
    "train",
]


class _Verb(ModuleType):
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return _found(*_CALLED[self.__name__.rpartition(".")[2]])(*args, **kwargs)


class _Kinema(ModuleType):
    def __setattr__(self, name: str, value: Any) -> None:
        if name in _CALLED and isinstance(value, ModuleType):  # the import system, when the package is loaded
            value.__class__ = _Verb
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Kinema


def _found(module: str, name: str) -> Any:
    return getattr(import_module(f".{module}", __name__), name)


def __getattr__(name: str) -> Any:
    # Loaded on first use: decoding workers import this package and must not wait for torch.
    if name in _CALLED:
        return import_module(f".{name}", __name__)
    if name not in _HOMES:
        raise AttributeError(f"module 'kinema' has no attribute '{name}'")
    return _found(*_HOMES[name])


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
