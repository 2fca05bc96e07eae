"""timm at work: its configurations as rows of the catalogue, its models built and filled."""

from __future__ import annotations

import logging
import math
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...weights.read import fill, read_state
from ..spec import InputSpec, Preprocessing
from .catalogue import Row
from .entry import unknown
from .timm import LIBRARY, no_weights

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import timm

# timm says that it loads what it is told to load.
logging.getLogger("timm").setLevel(logging.ERROR)


def row_of(name: str) -> Row:
    """What timm's own configuration says of a model. Raises `UsageError` with the nearest names."""
    if not timm.is_model(name):
        raise unknown(LIBRARY, name, [*timm.list_models(pretrained=True), *timm.list_models()])
    config = timm.get_pretrained_cfg(name)
    if config is None:  # a tag that is not the architecture's
        raise unknown(LIBRARY, name, timm.list_models(pretrained=True))
    with torch.device("meta"):
        net: Any = create(name, num_classes=0)
    dim = int(getattr(net, "head_hidden_size", None) or net.num_features)
    return row(name, config, dim, sum(p.numel() for p in net.parameters()))


def row(
    name: str,
    config: Any,
    dim: int,
    parameters: int | None,
    gflops: float | None = None,
    accuracy: float | None = None,
) -> Row:
    """A row of the catalogue from a pretrained configuration of timm's."""
    size = (int(config.input_size[1]), int(config.input_size[2]))
    scaled = (math.floor(size[0] / config.crop_pct), math.floor(size[1] / config.crop_pct))
    squash = config.crop_mode == "squash" or size[0] != size[1]
    how = Preprocessing(
        resize=scaled if squash else scaled[0],
        mean=tuple(float(v) for v in config.mean),
        std=tuple(float(v) for v in config.std),
        interpolation=config.interpolation,
        pad=config.crop_mode == "border",
    )
    source = config.url or ""
    if config.hf_hub_id:
        repo = config.hf_hub_id if not config.hf_hub_id.endswith("/") else f"{config.hf_hub_id}{name}"
        source = repo + (f"#{config.hf_hub_filename}" if config.hf_hub_filename else "")
    licence = config.license or ("unknown: see its authors" if source else "")
    measured = "ImageNet-1k" if accuracy is not None else ""
    spec = InputSpec("frame", size=size, preprocessing=how)
    return Row(name, spec, dim, parameters, gflops, accuracy, measured, licence, source)


def create(name: str, **options: Any) -> nn.Module:
    """A model of timm's with random values."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net: nn.Module = timm.create_model(name, pretrained=False, **options)
    return net


def filled(name: str, path: Path) -> nn.Module:
    """The model with the values of a published file, without its classifier. Raises `WeightsError`.

    timm converts the file's names as for its own loading. The model is built with the classifier that the
    file has, so that timm compares the two name by name.
    """
    state = read_state(path)
    if not state:
        raise no_weights(name, f"{path} is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            net: Any = timm.create_model(name, pretrained=True, pretrained_cfg_overlay={"state_dict": state})
    except (RuntimeError, KeyError, ValueError, AttributeError) as error:
        raise no_weights(name, f"{path}: {' '.join(str(error).split())[:300]}") from None
    slim, whole = create(name, num_classes=0), net.state_dict()
    fill(slim, {key: whole[key] for key in slim.state_dict() if key in whole}, f"{LIBRARY}/{name}")
    return slim
