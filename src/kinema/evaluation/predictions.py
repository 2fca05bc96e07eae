"""predictions.csv: what a run answered for every video that it was tested or validated on."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..atomic import atomic_open
from ..types import VideoRecord

FIELDS = ("name", "part", "label", "split", "group", "predicted", "score")


@dataclass(frozen=True, slots=True)
class Answers:
    """Scores float32 [N, C] of N records."""

    records: Sequence[VideoRecord]
    scores: np.ndarray


def joined(answers: Sequence[Answers], classes: int) -> Answers:
    """All answers as one table."""
    scores = [np.zeros((0, classes), np.float32), *(own.scores for own in answers)]
    return Answers([r for own in answers for r in own.records], np.concatenate(scores))


def write_predictions(path: Path, labels: Sequence[str], answers: Iterable[Answers]) -> None:
    """One row a video: `FIELDS`, then the score of every class in a column of its name."""
    with atomic_open(path, newline="") as file:
        rows = csv.writer(file)
        rows.writerow([*FIELDS, *labels])
        for own in answers:
            for record, scores in zip(own.records, own.scores, strict=True):
                best = int(scores.argmax())
                known = (record.name, record.part, record.label, record.split, record.group)
                answer = (labels[best], *(f"{score:.6g}" for score in (scores[best], *scores)))
                rows.writerow([*(value or "" for value in known), *answer])


def read_predictions(path: Path) -> dict[tuple[str, str], np.ndarray]:
    """The scores float32 [C] of every test video by name and part.

    Raises `OSError` and `ValueError` where the file is not there or damaged.
    """
    with open(path, newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        head = next(rows, [])
        if tuple(head[: len(FIELDS)]) != FIELDS:
            raise ValueError(f"{path} is not a table of predictions")
        return {(r[0], r[1]): np.array(r[len(FIELDS) :], np.float32) for r in rows if r[3] == "test"}


def read_answers(path: Path, records: Iterable[VideoRecord]) -> Answers:
    """The answers to those of the records that the table has as test videos, in their order."""
    scores = read_predictions(path)
    known = [r for r in records if (r.name, r.part) in scores]
    return Answers(known, np.stack([scores[r.name, r.part] for r in known]))
