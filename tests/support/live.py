"""Runs that were never trained, for what is the same whatever the values are; and a video with sound."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from kinema.extraction.loaded import load_streams
from kinema.inference.predictor import LoadedRun, SequencePredictor
from kinema.media.writer import VideoWriter
from kinema.model.build import build_recognizer
from kinema.model.smoothing import Smoothing
from kinema.model.timeline import TimelineRecognizer
from kinema.recipe import load_recipe
from kinema.resources import Resources
from kinema.run import RunConfig

LABELS = ("left", "right", "still")
FPS, SIZE = 25, (48, 64)
CLIP = {"input": "rgb", "sampling": {"kind": "windows", "length": 3, "stride": 2}, "backbone": "probe_clip"}
RATE = {"input": "rgb", "sampling": {"kind": "rate", "fps": 8}, "backbone": "probe_frame"}
FLOW = {
    "input": "flow",
    "method": "tvl1",
    "sampling": {"kind": "segments", "length": 4},
    "backbone": "probe_flow_clip",
}
SEGMENTS = {"input": "rgb", "sampling": {"kind": "segments", "length": 4}, "backbone": "probe_clip"}
SOUND = {"input": "audio", "backbone": "yamnet"}
GRU = {"kind": "gru", "units": 5}
PER_STEP: dict[str, Any] = {
    "classifier": {"activation": "sigmoid", "per_step": True, "vote": "max"}, "timeline": {"chunk": 8},
}  # fmt: skip


def untrained(streams: dict[str, Any], temporal: dict[str, Any] = GRU, **more: Any) -> LoadedRun:
    """A loaded run of these streams with seeded random values. Probes must be registered."""
    recipe = load_recipe({"name": "untrained", "streams": streams, "temporal": temporal, **more})
    torch.manual_seed(0)
    loaded = load_streams(recipe.streams, Resources(weights="none", device="cpu", runtime="torch"))
    model = build_recognizer(recipe, {name: s.dim for name, s in loaded.items()}, len(LABELS))
    model.eval().requires_grad_(False)
    return LoadedRun(Path("run"), RunConfig(recipe, LABELS, {}), loaded, SequencePredictor(LABELS, model))


def taught(stream: dict[str, Any], video: Path, **temporal: Any) -> LoadedRun:
    """Of `--task timeline`, of random values, with thresholds in the midst of its scores of `video`, so that
    there are segments."""
    run = untrained({"rgb": stream}, {**GRU, "pool": "none", **temporal}, **PER_STEP)
    model = run.sequences.model
    assert isinstance(model, TimelineRecognizer)
    scores = model.step_scores(run.features(video)["rgb"])
    on, off = np.quantile(scores, 0.6, axis=0), np.quantile(scores, 0.4, axis=0)
    model.smoothing = Smoothing(on.astype(np.float64), off.astype(np.float64), 0.2, 0.2, 0.2)
    return run


def write_moving(path: Path, seconds: float = 3.0, sample_rate: int | None = None) -> Path:
    """A texture that moves by one pixel a frame and grows lighter, and a rising tone."""
    texture = np.random.default_rng(0).integers(0, 200, (*SIZE, 3), dtype=np.uint8)
    count = round(seconds * FPS)
    with VideoWriter(
        path, fps=FPS, width=SIZE[1], height=SIZE[0], sample_rate=sample_rate, preset="ultrafast"
    ) as writer:
        for number in range(count):
            writer.write(np.roll(texture, number, axis=1) + np.uint8(number % 50))
        if sample_rate:
            t = np.arange(round(seconds * sample_rate)) / sample_rate
            writer.write_audio(0.5 * np.sin(2 * np.pi * (300 + 200 * t) * t).astype(np.float32))
    return path
