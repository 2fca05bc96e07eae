"""Checks of the installation: packages, codecs, processor, folders, weights; each with its cure."""

import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from importlib import metadata
from typing import Literal, NamedTuple

from ..backbones.choice import INSTALL, choose, has_openvino
from ..backbones.table import BACKBONES, backbone_spec
from ..buckets import place
from ..errors import KinemaError, UsageError
from ..features.store import default_features
from ..flow.methods import NETWORKS
from ..resources import Resources, cores
from ..urls import as_url, in_bucket
from ..weights.files import WeightFile
from ..weights.find import find_weights

CORE = ("torch", "torchvision", "timm", "av", "numba", "scikit-learn", "lightning", "safetensors", "pyarrow")
EXTRAS = {
    "camera": "cv2",
    "cluster": "ray",
    "export": "onnx",
    "int8": "nncf",
    "s3": "s3fs",
    "gs": "gcsfs",
    "flownet2": "ptlflow",
    "serve": "fastapi",
    "transformers": "transformers",
}


class Check(NamedTuple):
    """One finding; `state` is ok, optional (absent and not needed) or missing."""

    name: str
    state: str
    detail: str


def diagnose(resources: Resources | None = None) -> list[Check]:
    """Look at everything; changes nothing and opens no connection."""
    resources = resources or Resources()
    return [
        *_python(),
        *_packages(),
        *_codecs(),
        *_hardware(),
        _features(resources),
        *_folders(),
        *_weights(resources),
    ]


def _python() -> Iterator[Check]:
    supported = (3, 11) <= sys.version_info[:2] <= (3, 13)
    detail = platform.python_version() + ("" if supported else "; Kinema needs 3.11, 3.12 or 3.13")
    yield Check("Python", "ok" if supported else "missing", detail)


def _packages() -> Iterator[Check]:
    for name in CORE:
        try:
            yield Check(name, "ok", metadata.version(name))
        except metadata.PackageNotFoundError:
            yield Check(name, "missing", f"pip install {name}")
    detail = metadata.version("openvino") if has_openvino() else f"faster on processors; {INSTALL}"
    yield Check("openvino", "ok" if has_openvino() else "optional", detail)
    for extra, module in EXTRAS.items():
        found = importlib.util.find_spec(module) is not None
        detail = (
            metadata.version(_distribution(module))
            if found
            else f"optional; pip install {_required_by(extra)}"
        )
        yield Check(f"extra {extra}", "ok" if found else "optional", detail)


def _distribution(module: str) -> str:
    """The package that a module is of; OpenCV's has several."""
    return metadata.packages_distributions()[module][0]


def _required_by(extra: str) -> str:
    """What an extra installs. Kinema itself is on no index, so the extra's name would not do."""
    wanted = (r.partition(";") for r in metadata.requires("kinema") or ())
    return " ".join(f"'{what.strip()}'" for what, _, when in wanted if f'extra == "{extra}"' in when)


def _codecs() -> Iterator[Check]:
    import av

    wanted: tuple[tuple[str, Literal["r", "w"], str], ...] = (
        ("h264", "r", "most video files"),
        ("mpeg4", "r", "UCF101's AVI files"),
        ("libx264", "w", "synthetic sets and films of optical flow"),
        ("aac", "w", "sound of synthetic sets"),
    )
    for codec, mode, why in wanted:
        try:
            av.codec.Codec(codec, mode)
            yield Check(f"codec {codec} ({mode})", "ok", why)
        except (av.error.FFmpegError, ValueError):
            yield Check(
                f"codec {codec} ({mode})", "missing", f"needed for {why}; reinstall PyAV: pip install -U av"
            )


def _hardware() -> Iterator[Check]:
    import psutil
    import torch

    memory = psutil.virtual_memory().total / 2**30
    yield Check("processor", "ok", f"{cores()} cores, {memory:.0f} GiB memory")
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "none; everything works without one"
    yield Check("GPU", "ok" if torch.cuda.is_available() else "optional", gpu)


def _features(resources: Resources) -> Check:
    try:
        choice = choose(resources)
    except UsageError as error:
        return Check("features", "missing", str(error))
    return Check("features", "ok", f"{choice.shown}: {choice.why}")


def _folders() -> Iterator[Check]:
    copies = f"{place.root()}, at most {place.most_bytes() / 1e9:g} GB"
    yield Check("copies of buckets", "ok", copies)
    folder = default_features()
    if in_bucket(folder):
        yield Check("feature store", "ok", f"{as_url(folder)}: not asked")
        return
    existing = next(p for p in (folder, *folder.parents) if p.exists())
    free = shutil.disk_usage(existing).free / 2**30
    writable = os.access(existing, os.W_OK)
    detail = (
        f"{folder}, {free:.0f} GiB free" if writable else f"{folder} is not writable; set KINEMA_FEATURES"
    )
    yield Check("feature store", "ok" if writable else "missing", detail)


def _weights(resources: Resources) -> Iterator[Check]:
    for name in BACKBONES:
        for kind, files in backbone_spec(name).weights.items():
            yield _weight_file(f"{name}/{kind}", files, resources)
    for name, network in NETWORKS.items():
        yield _weight_file(f"flow {name}", (network.weights,), resources)


def _weight_file(name: str, files: tuple[WeightFile, ...], resources: Resources) -> Check:
    try:
        path, _ = find_weights(name, files, resources.folder, download=False)
        return Check(f"weights {name}", "ok", str(path))
    except KinemaError:
        fetched = any(f.url for f in files) and not resources.offline
        where = "fetched on first use" if fetched else "put it into a folder named by KINEMA_WEIGHTS"
        return Check(f"weights {name}", "optional", f"{files[0].files[0]}: {where}")
