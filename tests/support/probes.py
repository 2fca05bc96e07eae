"""Backbones that cost next to nothing, one for every kind of input, put into the table for a test."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

from kinema.backbones.module import Backbone
from kinema.backbones.spec import BackboneSpec, InputSpec
from kinema.backbones.table import BACKBONES, backbone_spec

SIZES = {
    "frame": (24, 32),
    "clip": (24, 32),
    "frame_flow": (24, 32),
    "flow_clip": (32, 32),
    "flow_stack": (32, 40),
}
STACK = 10


class Probe(Backbone):
    """The mean of each of 4 x 4 cells, and a dense layer to 6 values."""

    def __init__(self, channels: int):
        super().__init__()
        self.dense = nn.Linear(16 * channels, 6)

    def blocks(self) -> list[nn.Module]:
        return [self.dense]

    def forward(self, x: Tensor) -> Tensor:
        x = self.cast(x).movedim(-1, -3)
        cells = nn.functional.adaptive_avg_pool2d(x.flatten(0, -4), 4).view(*x.shape[:-2], 16)
        means = cells.mean(1) if cells.ndim == 4 else cells
        return self.dense(means.flatten(1)).float()


def register(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `probe_KIND` known for every kind of `SIZES`."""
    for kind, size in SIZES.items():
        name = f"probe_{kind}"
        channels = {"frame": 3, "clip": 3, "frame_flow": 5, "flow_clip": 2, "flow_stack": 2 * STACK}[kind]
        module = ModuleType(f"probes_of_tests_{kind}")
        length = STACK if kind == "flow_stack" else None
        spec = BackboneSpec(name, InputSpec(kind, size=size, length=length), {"cells": 6})  # type: ignore[arg-type]
        module.SPEC = spec  # type: ignore[attr-defined]
        module.build = lambda features=None, stack=STACK, c=channels: Probe(c)  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setitem(BACKBONES, name, module.__name__)


def cheap_backbone(name: str) -> str:
    """The probe that takes what this backbone takes; sound keeps the small network that it has."""
    kind = backbone_spec(name).input.kind
    return "yamnet" if kind == "logmel" else f"probe_{kind}"


def seeded() -> None:
    """Values of the probes are random ones; the same in every test."""
    torch.manual_seed(0)
