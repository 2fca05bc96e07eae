"""The temporal stage stream by stream (three-stream paper): each stream alone, by a head of its own."""

from collections.abc import Sequence
from zlib import crc32

import torch
from torch import nn

from ..keys import fingerprint
from ..model.items import FeatureItem, with_stream
from ..model.separate import SeparateRecognizer
from .fit import fit_stage
from .reuse import item_facts, stage_facts
from .stage import FitOptions, Row


def fit_separate(
    model: SeparateRecognizer, train: Sequence[FeatureItem], val: Sequence[FeatureItem], options: FitOptions
) -> list[Row]:
    """Train every stream of `model` in place; returns the history, one row per epoch and stream.

    A video without a stream teaches it nothing. A stream that no training video has stays as it is: its
    embedding is zero for every video, so that the SVM gives it no weight. A stream whose training is kept
    in the run is read from there.
    """
    history: list[Row] = []
    for name in model.streams:
        history += _fit_stream(model, name, with_stream(train, name), with_stream(val, name), options)
    return history


def _fit_stream(
    model: SeparateRecognizer,
    name: str,
    train: list[FeatureItem],
    val: list[FeatureItem],
    options: FitOptions,
) -> list[Row]:
    if not train:
        options.on_note(f"stream {name}: no training video has it; the result rests on the other streams")
        return []
    stage = f"temporal-{name}"
    _start_afresh(model, name)
    temporal, head = model.streams[name], model.heads[name]
    modules = {f"recognizer.streams.{name}.": temporal, f"recognizer.heads.{name}.": head}
    kept = options.kept.reuse(stage, _digest(model, name, train, val), modules)
    if kept is not None:
        options.on_note(f"stream {name}: unchanged, its trained values are kept")
        return kept
    return fit_stage(stage, model, nn.ModuleList([temporal, head]), name, train, val, options)


def _start_afresh(model: SeparateRecognizer, name: str) -> None:
    """Starting values from the seed and the stream's name alone: other streams do not change them."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(model.recipe.training.seed * 1_000_003 + crc32(name.encode()))
        model.start_afresh(name)


def _digest(model: SeparateRecognizer, name: str, train: list[FeatureItem], val: list[FeatureItem]) -> str:
    recipe = model.recipe
    return fingerprint(
        {
            "classes": model.classes,
            "encoder": recipe.encoder.model_dump(mode="json") if recipe.encoder else None,
            "temporal": recipe.temporal.model_dump(mode="json"),
            "standardize": bool(recipe.streams[name].standardize),
            "classifier": recipe.classifier.model_dump(mode="json"),
            "training": stage_facts(recipe.training),
            "train": item_facts(train, name),
            "val": item_facts(val, name),
        }
    )
