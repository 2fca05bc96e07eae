"""A run at work: `load(run).predict(path)`. Never imports the trainer."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..backbones.load import state_digest
from ..errors import UsageError
from ..evaluation.score import score_batch
from ..features.keys import fingerprint
from ..model.batch import SequenceBatch, pad
from ..model.build import build_recognizer
from ..model.recognizer import Recognizer
from ..pipeline import TRAINED, StreamParts, assemble_streams, with_backbones
from ..recipe import load_recipe
from ..run import RunConfig, check_backbones, load_run, weight_hints
from ..streams.source import Job, make_source
from ..types import FeatureSequence, Prediction, VideoRecord
from .windows import sliding_windows


@dataclass(frozen=True, slots=True)
class LoadedRun:
    """A trained recogniser with its streams."""

    folder: Path
    config: RunConfig
    parts: Mapping[str, StreamParts]
    model: Recognizer
    device: str = "auto"

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names, in the order of the scores."""
        return self.config.labels

    @property
    def fingerprint(self) -> str:
        """Digest of all that decides an embedding: the streams' settings and the trained values."""
        streams = {name: part.settings() for name, part in self.parts.items()}
        return fingerprint({"streams": streams, "recognizer": state_digest(self.model.state_dict())})

    def features(self, video: str | Path | VideoRecord) -> dict[str, FeatureSequence]:
        """The feature sequence of every stream of one video. Raises `MediaError`."""
        record = video if isinstance(video, VideoRecord) else VideoRecord(Path(video).absolute())
        return {name: compute_sequence(part, record, self.device) for name, part in self.parts.items()}

    def predict(self, video: str | Path | VideoRecord) -> Prediction:
        """Class scores of one video file. Raises `MediaError` where it cannot be read."""
        record = video if isinstance(video, VideoRecord) else VideoRecord(Path(video).absolute())
        return self.predict_features(record.path, self.features(record))

    def predict_features(self, path: Path, features: Mapping[str, FeatureSequence]) -> Prediction:
        """Class scores from feature sequences."""
        batch = {name: pad([sequence]) for name, sequence in features.items()}
        return Prediction(path, self.labels, score_batch(self.model, batch)[0])

    def timeline(
        self, video: str | Path, *, window_seconds: float = 2.0, stride_seconds: float = 1.0
    ) -> list[Prediction]:
        """Class scores of sliding windows of video time, in order."""
        path = Path(video).absolute()
        features = self.features(path)
        return [
            replace(self.predict_features(path, part), start_seconds=start, end_seconds=end)
            for start, end, part in sliding_windows(features, window_seconds, stride_seconds)
        ]

    def embed(self, video: str | Path) -> np.ndarray:
        """The video embedding, float32 [E]."""
        return self.embed_features(self.features(video))

    def embed_features(self, features: Mapping[str, FeatureSequence]) -> np.ndarray:
        """The embedding float32 [E] of feature sequences."""
        return self.embed_batch({name: pad([sequence]) for name, sequence in features.items()})[0]

    def embed_batch(self, batch: Mapping[str, SequenceBatch]) -> np.ndarray:
        """Embeddings float32 [B, E] of a batch of feature sequences."""
        with torch.inference_mode():
            return self.model.embed(batch).float().numpy()


def load(
    run: str | Path, *, weights: str | Path | None = None, device: str = "auto", download: bool = True
) -> LoadedRun:
    """Load a run folder. `weights` is a folder to look for backbone weights in first.

    Raises `UsageError` for what is not a run, for a newer run, and for other weights than the run's own.
    """
    config, state = load_run(run)
    trained = [n for n, found in config.backbones.items() if any(b["source"] == TRAINED for b in found)]
    # What was trained in the run lies in the run: no file of weights is needed for it.
    recipe = load_recipe(config.recipe, [f"streams.{name}.weights=none" for name in trained])
    parts = assemble_streams(recipe, weights_dir=weights, hints=weight_hints(config), download=download)
    for name in trained:
        for i, backbone in enumerate(parts[name].backbones):
            _fill(backbone.module, state, f"backbone-{name}-{i}", run)
        parts[name] = with_backbones(parts[name], [b.module for b in parts[name].backbones])
    check_backbones(config, {name: [b.digest for b in part.backbones] for name, part in parts.items()})
    model = build_recognizer(config.recipe, {n: p.dim for n, p in parts.items()}, len(config.labels))
    _fill(model, state, "recognizer", run)
    model.eval().requires_grad_(False)
    return LoadedRun(Path(run), config, parts, model, device)


def _fill(module: nn.Module, state: Mapping[str, torch.Tensor], prefix: str, run: str | Path) -> None:
    values = _part(state, prefix)
    try:
        module.load_tensors(values) if isinstance(module, Recognizer) else module.load_state_dict(values)
    except (RuntimeError, ValueError):
        raise UsageError(
            f"{run}/model.safetensors does not fit the run's config.yaml ({prefix}); train it again"
        ) from None


def compute_sequence(part: StreamParts, record: VideoRecord, device: str = "auto") -> FeatureSequence:
    """One stream of one video, in this process and in constant memory but for the result."""
    compute = part.compute(device=device)
    source = make_source(part.config, threads=os.cpu_count() or 1)
    rows: list[np.ndarray] = []
    pts: list[float] = []
    batch: list[tuple[np.ndarray, ...]] = []
    for clip in source.clips(Job(record, key=str(record.path))):
        pts.append(clip.pts_seconds)
        batch.append(clip.inputs)
        if len(batch) == part.batch_size:
            rows.append(compute(batch))
            batch = []
    if batch:
        rows.append(compute(batch))
    data = np.concatenate(rows) if rows else np.zeros((0, part.dim), np.float32)
    return FeatureSequence(data, np.asarray(pts, dtype=np.float64), present=len(data) > 0)


def _part(state: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {k.removeprefix(f"{prefix}."): v for k, v in state.items() if k.startswith(f"{prefix}.")}
