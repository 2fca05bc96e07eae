"""The figures of all folds are those of one test set that holds every tested video once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, recall_score

from kinema.datasets import Dataset
from kinema.evaluation.calibration import calibration_metrics
from kinema.evaluation.folds import folds_line, never_tested, pool_folds, trained_on_all
from kinema.evaluation.metrics import classification_metrics, confidence_interval
from kinema.evaluation.predictions import Answers
from kinema.evaluation.rounds import Round, rounds
from kinema.recipe import Protocol
from kinema.types import VideoRecord

LABELS = ("run", "walk")
FOLDS = Protocol(kind="folds")


def dataset(groups: list[str | None], files: int | None = None) -> Dataset:
    """A video a group, classes in turn; `files` puts as many parts into each file."""
    records = tuple(
        VideoRecord(
            Path(f"/v/{i // files if files else i}.avi"),
            LABELS[i % 2],
            group,
            frames=(10 * i, 10 * i + 5) if files else None,
            name=f"{i // files if files else i}.avi",
        )
        for i, group in enumerate(groups)
    )
    return Dataset("folder", Path("/v"), LABELS, records)


def answered(made: list[Round]) -> tuple[list[dict], list[Answers]]:
    """Random answers of every round, with the metrics that its run would have."""
    random, metrics, answers = np.random.default_rng(0), [], []
    for one in made:
        records = one.dataset.part("test")
        scores = random.dirichlet([1, 1], len(records))
        truth = np.array([LABELS.index(r.label or "") for r in records])
        found = classification_metrics(
            scores, truth, LABELS, train_counts=[3, 2], groups=[r.group for r in records], split="x"
        )
        metrics.append(found | {"shuffled_accuracy": float(len(records)), "subsets": {}})
        answers.append(Answers(records, scores))
    return metrics, answers


def test_pooled_figures_are_over_videos_and_not_over_folds() -> None:
    made = rounds(lambda split: dataset([None] * 13), FOLDS, 0)
    assert len({one.dataset.part("test").__len__() for one in made}) > 1, "folds of two sizes"
    metrics, answers = answered(made)
    found = pool_folds(FOLDS, made, metrics, answers)
    truth = [LABELS.index(r.label or "") for own in answers for r in own.records]
    scores = np.concatenate([own.scores for own in answers])
    predicted = scores.argmax(1)
    assert found["n_test"] == 13
    assert found["accuracy"] == pytest.approx(accuracy_score(truth, predicted))
    assert found["mean_class_accuracy"] == pytest.approx(recall_score(truth, predicted, average="macro"))
    assert found["ci95"] == confidence_interval(predicted == truth, [None] * 13)
    assert {k: found[k] for k in ("ece", "reliability")} == calibration_metrics(scores, np.array(truth))
    sizes = [len(own.records) for own in answers]
    assert found["shuffled_accuracy"] == pytest.approx(np.average(sizes, weights=sizes))
    assert found["split"] == "5 folds of files at random, seed 0"
    assert found["protocol"]["std"]["accuracy"] == pytest.approx(
        np.std([m["accuracy"] for m in metrics], ddof=1)
    )
    assert [row["name"] for row in found["protocol"]["rounds"]] == [one.part for one in made]


def test_the_interval_is_drawn_over_groups_or_files() -> None:
    for data, over, units in (
        (dataset([f"g{i // 2}" for i in range(16)]), "groups", 8),
        (dataset([None] * 16, files=2), "files", 8),
        (dataset([*[f"g{i // 2}" for i in range(14)], None, None]), "groups", 9),
    ):
        made = rounds(lambda split, data=data: data, FOLDS, 0)
        metrics, answers = answered(made)
        found = pool_folds(FOLDS, made, metrics, answers)
        hits = np.concatenate(
            [own.scores.argmax(1) == [LABELS.index(r.label or "") for r in own.records] for own in answers]
        )
        names = [r.group or str(r.path) for own in answers for r in own.records]
        assert len(set(names)) == units
        assert found["ci95_over"] == over
        assert found["ci95"] == confidence_interval(hits, names)


def test_seeds_are_averaged() -> None:
    protocol = Protocol(kind="folds", seeds=2)
    made = rounds(lambda split: dataset([None] * 13), protocol, 4)
    metrics, answers = answered(made)
    found = pool_folds(protocol, made, metrics, answers)
    one, two = (row["accuracy"] for row in found["protocol"]["per_seed"])
    assert found["accuracy"] == pytest.approx((one + two) / 2)
    assert one == pytest.approx(
        np.average([m["accuracy"] for m in metrics[:5]], weights=[m["n_test"] for m in metrics[:5]])
    )
    assert found["n_test"] == 13
    assert "reliability" not in found


def test_what_is_never_tested_is_named() -> None:
    whole = dataset([None] * 12)
    assert never_tested(rounds(lambda split: whole, FOLDS, 0)) == []
    rare = replace(whole.records[0], label="jump", path=Path("/v/x.avi"), name="x.avi")
    data = replace(whole, records=(*whole.records, rare), labels=("jump", *LABELS))
    made = rounds(lambda split: data, FOLDS, 0)
    (warning,) = never_tested(made)
    assert warning.startswith("1 video never tested")
    assert "jump" in warning
    assert [r.split for r in trained_on_all(made).records] == ["train"] * 13


def test_the_line() -> None:
    assert folds_line("", 3, 9) == "measured by 3 folds; the saved model is trained on all 9 videos"
    assert folds_line("2 test videos are too few for one split", 3, 9).startswith("2 test videos are too few")
