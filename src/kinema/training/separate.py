"""Streams trained each by itself, by a head of its own, and joined by a linear SVM (three-stream paper)."""

from collections.abc import Sequence
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from ..fusion import ConcatSvm
from ..keys import fingerprint
from ..model import svm
from ..model.items import FeatureDataset, FeatureItem, feature_loader, with_stream
from ..model.separate import SeparateRecognizer
from .fit import fit
from .ranks import ALONE, Ranks
from .stage import FitOptions, Row


def fit_separate(
    model: SeparateRecognizer,
    train: Sequence[FeatureItem],
    val: Sequence[FeatureItem],
    options: FitOptions,
    watched: Sequence[FeatureItem] = (),
) -> list[Row]:
    """Train every stream of `model` in place; returns the history, one row per epoch and stream.

    A video without a stream teaches it nothing. A stream that no training video has stays as it is: its
    embedding is zero for every video, so that the SVM gives it no weight.
    """
    history: list[Row] = []
    for name in model.streams:
        present, held_out, looked_at = (with_stream(items, name) for items in (train, val, watched))
        history += _fit_stream(model, name, present, held_out, looked_at, options)
    return history


def _fit_stream(
    model: SeparateRecognizer,
    name: str,
    train: list[FeatureItem],
    val: list[FeatureItem],
    watched: list[FeatureItem],
    options: FitOptions,
) -> list[Row]:
    if not train:
        options.on_note(f"stream {name}: no training video has it; the result rests on the other streams")
        return []
    # Starting values from the seed and the stream's name alone: other streams do not change them.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(model.recipe.training.seed * 1_000_003 + crc32(name.encode()))
        model.start_afresh(name)
    modules = {
        f"recognizer.streams.{name}.": model.streams[name],
        f"recognizer.heads.{name}.": model.heads[name],
    }
    kept = options.kept.reuse(f"temporal-{name}", _digest(model, name, train, val), modules)
    if kept is not None:
        options.on_note(f"stream {name}: unchanged, its trained values are kept")
        return kept
    return fit(model, train, val, options, stream=name, watched=watched)


def _digest(model: SeparateRecognizer, name: str, train: list[FeatureItem], val: list[FeatureItem]) -> str:
    recipe = model.recipe

    def facts(items: list[FeatureItem]) -> list[tuple[str, int]]:
        """Feature files by shelf and key, which name their content, and classes."""
        return [("/".join(item.files[name].parts[-3:]), item.label) for item in items]

    return fingerprint(
        {
            "classes": model.classes,
            "encoder": recipe.encoder.model_dump(mode="json") if recipe.encoder else None,
            "temporal": recipe.temporal.model_dump(mode="json"),
            "standardize": bool(recipe.streams[name].standardize),
            "classifier": recipe.classifier.model_dump(mode="json"),
            "training": recipe.training.model_dump(mode="json", exclude={"backbone"}),
            "train": facts(train),
            "val": facts(val),
        }
    )


def fit_svm(
    model: SeparateRecognizer,
    train: Sequence[FeatureItem],
    held_out: Sequence[FeatureItem],
    ranks: Ranks = ALONE,
) -> None:
    """Fit the model's SVM on training embeddings; calibrate it on held-out items where there are any.

    Of several `ranks` each computes a part of the embeddings, and the first fits.
    """
    fusion = model.recipe.fusion
    if not isinstance(fusion, ConcatSvm):
        raise ValueError("the recipe's fusion has no SVM")
    seed = model.recipe.training.seed
    samples = _samples(model, train, ranks)
    others = _samples(model, held_out, ranks) if held_out else None

    def fitted() -> svm.LinearSVM:
        machine = svm.fit(*samples, classes=model.classes, l2=fusion.svm_l2, seed=seed)
        return machine if others is None else machine.calibrate(*others)

    model.svm = ranks.from_first(fitted)


def _samples(model: SeparateRecognizer, items: Sequence[FeatureItem], ranks: Ranks) -> tuple[Tensor, Tensor]:
    """What the SVM is given, float32 [N, E], and classes int64 [N]."""
    model.eval()

    def inputs(own: Sequence[FeatureItem]) -> np.ndarray:
        # Where there are fewer videos than processes, one computes what it does not give.
        loader = feature_loader(FeatureDataset(own or items[:1]), batch_size=32)
        with torch.inference_mode():
            return torch.cat([model.svm_input(batch.streams).cpu() for batch in loader]).numpy()[: len(own)]

    return torch.from_numpy(ranks.rows(items, inputs)), torch.tensor([item.label for item in items])
