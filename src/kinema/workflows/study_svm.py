"""A linear SVM in place of a trained run's softmax: the temporal model is taken as it is."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from ..datasets import Dataset, carve_validation
from ..errors import UsageError
from ..inference.load import load
from ..model.build import build_recognizer
from ..model.recognizer import JointRecognizer
from ..model.separate import SeparateRecognizer
from ..recipe import changed
from ..training.separate import fit_svm
from .context import Context, TrainResult
from .evaluate_model import evaluate_model
from .extract import extract_streams
from .round_runs import read_history
from .spent import Spent
from .train_model import save_model
from .write_report import RunFacts, data_warnings, write_results


def train_svm_on(base: Path, dataset: Dataset, folder: Path, context: Context) -> TrainResult:
    """Fit an SVM on the embeddings of the run `base`, of one stream, and write both as the run `folder`.

    `dataset` has the split that the run was trained on. Raises `UsageError` where the run has several streams
    or scores every step.
    """
    started = time.monotonic()
    # `none` is for what is trained: the run itself remembers that its values were random.
    loaded = load(base, replace(context.resources, weights=context.resources.folder))
    trained, recipe = loaded.sequences.model, loaded.config.recipe
    if not isinstance(trained, JointRecognizer) or len(recipe.streams) > 1 or recipe.classifier.per_step:
        raise UsageError(
            f"recipe {recipe.name} joins streams or scores steps: an SVM needs one stream's embedding;"
            " leave streams out with --set streams.NAME=null"
        )
    recipe = changed(recipe, {"training.stages": "separate", "fusion": {"kind": "concat_svm"}})
    model = build_recognizer(recipe, trained.dims, trained.classes)
    assert isinstance(model, SeparateRecognizer)
    (stream,) = recipe.streams
    model.streams.load_state_dict(trained.streams.state_dict())
    model.heads[stream].load_state_dict(trained.head.state_dict())
    spec = recipe.training
    records = tuple(carve_validation(dataset.records, spec.val_fraction, spec.seed))
    extracted = extract_streams(records, loaded.streams, context)
    dataset = replace(dataset, records=tuple(extracted.records))
    train, held_out = (extracted.items(dataset.part(part), dataset.labels) for part in ("train", "val"))
    fit_svm(model, train, held_out)
    model.eval()
    svm_row = {"stage": "svm", "epoch": 1, "seconds": round(time.monotonic() - started, 3)}
    history = [*read_history(base), svm_row]
    warnings = [*dataset.warnings, *data_warnings(dataset, extracted)]
    config = replace(loaded.config, recipe=recipe)
    facts = RunFacts(folder, config, dataset, extracted, model, history, Spent(), warnings)
    counts = loaded.config.data["train_counts"]
    evaluation = evaluate_model(model, extracted, dataset, train_counts=counts)
    evaluation.metrics |= {"quarantined": len(extracted.quarantined), "absent": len(dataset.absent)}
    save_model(facts)
    write_results(facts, evaluation, context.events)
    return TrainResult(folder, evaluation.metrics, warnings)
