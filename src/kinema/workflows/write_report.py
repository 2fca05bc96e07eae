"""What a training found out, as report.html and as the model card README.md of the run."""

from __future__ import annotations

import datetime
import json
import platform
import resource
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .. import __version__
from ..atomic import atomic_open, write_text
from ..datasets import Dataset, find_duplicates, find_leaks
from ..errors import KinemaError
from ..features.sequence_file import read_sequence
from ..fusion.average_net import WeightedAverageNet
from ..model.build import trainable_parameters
from ..model.items import with_stream
from ..model.recognizer import Recognizer
from ..pipeline import StreamParts
from ..report.data import Comparison, Cost, DatasetFacts, ReportData, Sample, Section, Table, WeightsSource
from ..report.film_strips import film_strip, spread
from ..report.model_card import model_card
from ..report.protocol import protocol_section
from ..report.render import write_report
from ..run import RunConfig
from .evaluate import Evaluation
from .events import Events
from .prepare import Extracted

HITS, MISSES = 6, 12


@dataclass(slots=True)
class RunFacts:
    """Everything a report needs beside the evaluation."""

    folder: Path
    config: RunConfig
    dataset: Dataset
    extracted: Extracted
    model: Recognizer
    history: list[dict[str, Any]]
    seconds: Mapping[str, float]
    warnings: list[str]
    absent: tuple[str, ...] = ()


def write_results(facts: RunFacts, evaluation: Evaluation, events: Events) -> None:
    """Write metrics.json, history.jsonl, report.html and README.md into the run's folder."""
    write_text(facts.folder / "metrics.json", json.dumps(evaluation.metrics, indent=2) + "\n")
    with atomic_open(facts.folder / "history.jsonl") as file:
        file.writelines(json.dumps(row) + "\n" for row in facts.history)
    events.step("writing the report")
    data = report_data(facts, evaluation)
    write_report(facts.folder / "report.html", data)
    write_text(facts.folder / "README.md", model_card(data))


def report_data(facts: RunFacts, evaluation: Evaluation) -> ReportData:
    """All that the report shows, as plain values."""
    recipe = facts.config.recipe
    return ReportData(
        title=f"{recipe.name} on {facts.dataset.title}",
        summary=recipe.summary,
        created=datetime.date.today().isoformat(),
        version=__version__,
        run=facts.folder.name,
        recipe=recipe.name,
        recipe_yaml=recipe.to_yaml(),
        paper_title=recipe.paper.title if recipe.paper else "",
        paper_doi=(recipe.paper.doi or "") if recipe.paper else "",
        notes=recipe.notes,
        warnings=tuple(dict.fromkeys(facts.warnings)),
        dataset=_dataset_facts(facts),
        metrics=evaluation.metrics,
        history=facts.history,
        comparisons=tuple(_comparisons(evaluation.metrics)),
        samples=tuple(_samples(facts, evaluation)),
        cost=_cost(facts),
        sections=tuple(_sections(facts, evaluation.metrics)),
    )


def data_warnings(dataset: Dataset, extracted: Extracted, parts: Mapping[str, StreamParts]) -> list[str]:
    """What may spoil the result: random weights, leaks, duplicates across splits, imbalance, lost files."""
    warnings = [
        f"{b.spec.name} has random weights ({b.source}): its features are not those of a trained network"
        for part in parts.values()
        for b in part.backbones
        if b.source.startswith("random")
    ]
    leaks = [leak for leak in find_leaks(dataset.records) if leak.same_class]
    if leaks:
        warnings.append(f"{len(leaks)} groups have videos in train and in test: the score is too high")
    crossing = [d for d in _duplicates(dataset, extracted) if d.across_splits]
    if crossing:
        warnings.append(
            f"{len(crossing)} files are in train and in test under two names: {', '.join(crossing[0].names)}"
        )
    counts = [row["train"] for row in dataset.counts().values()]
    if counts and max(counts) > 3 * max(min(counts), 1):
        warnings.append(
            f"classes are unbalanced ({min(counts)} to {max(counts)} training videos); "
            "see --set training.class_balance=weights"
        )
    if extracted.quarantined:
        warnings.append(
            f"{len(extracted.quarantined)} files could not be read and were left out; see quarantine.csv"
        )
    for name, report in extracted.reports.items():
        warnings += [f"stream {name}: {count} videos: {note}" for note, count in report.notes.items()]
    return warnings + _absent_streams(dataset, extracted)


def _absent_streams(dataset: Dataset, extracted: Extracted) -> list[str]:
    """How many videos have nothing for a stream, such as sound; counted in the store, whoever filled it."""
    items = extracted.items(dataset.records, dataset.labels)
    absent = {name: len(items) - len(with_stream(items, name)) for name in extracted.parts}
    return [
        f"stream {name} is absent in {count} of {len(items)} videos: its embedding is zero there"
        for name, count in absent.items()
        if count
    ]


def _duplicates(dataset: Dataset, extracted: Extracted) -> list[Any]:
    digests = {r.name: extracted.digests[r.path] for r in dataset.records if r.path in extracted.digests}
    return find_duplicates(dataset.records, digests)


def _dataset_facts(facts: RunFacts) -> DatasetFacts:
    dataset = facts.dataset
    counts = {label: {split: n for split, n in row.items() if n} for label, row in dataset.counts().items()}
    return DatasetFacts(
        root=dataset.title,
        layout=dataset.layout,
        split_source=dataset.split_source,
        counts=counts,
        absent=facts.absent,
        quarantined=sorted(facts.extracted.quarantined.items()),
        duplicates=[" = ".join(d.names) for d in _duplicates(dataset, facts.extracted)],
        leaks=[
            f"{leak.label or ''} {leak.group}: {leak.train} train, {leak.test} test".strip()
            for leak in find_leaks(dataset.records)
        ],
    )


def _comparisons(metrics: Mapping[str, Any]) -> list[Comparison]:
    """The run, the run on shuffled frames, and the answers that need no model; a column per subset."""
    rows = {
        "this run": ("accuracy", "frames in order"),
        "frames shuffled": ("shuffled_accuracy", "the same model, each test video's steps in random order"),
    }
    made = [
        Comparison(name, {"all": metrics[key]} | _columns(metrics, key), note, ours=name == "this run")
        for name, (key, note) in rows.items()
    ]
    subsets = {k: v for k, v in metrics.get("subsets", {}).items() if v["n_test"]}
    chance = {f"{name}, among themselves": row["chance_among"] for name, row in subsets.items()}
    majority = Comparison(
        "always the largest class",
        {"all": metrics["majority_baseline"]} | chance,
        f"«{metrics['majority_class']}»; among themselves: chance",
    )
    return [*made, majority]


def _columns(metrics: Mapping[str, Any], key: str) -> dict[str, float]:
    columns: dict[str, float] = {}
    for name, row in metrics.get("subsets", {}).items():
        if row["n_test"]:
            columns |= {name: row[key], f"{name}, among themselves": row[f"{key}_among"]}
    return columns


def _samples(facts: RunFacts, evaluation: Evaluation) -> list[Sample]:
    """The surest hits, at most two a class, and the worst misses, as film strips."""
    best = evaluation.scores.argmax(1)
    confidence = evaluation.scores.max(1)
    order = np.argsort(-confidence, kind="stable")
    hits: list[int] = []
    for i in order[best[order] == evaluation.truth[order]]:
        if sum(evaluation.truth[h] == evaluation.truth[i] for h in hits) < max(
            1, HITS // len(facts.config.labels)
        ):
            hits.append(int(i))
    misses = order[best[order] != evaluation.truth[order]][:MISSES]
    return [_sample(facts, evaluation, i) for i in [*hits[:HITS], *misses]]


def _sample(facts: RunFacts, evaluation: Evaluation, index: int) -> Sample:
    record, scores = evaluation.records[index], evaluation.scores[index]
    top = np.argsort(-scores, kind="stable")[:3]
    name = next(iter(facts.extracted.parts))
    shelf = facts.extracted.parts[name].shelf(facts.extracted.store)
    try:
        times = spread(read_sequence(shelf.path(facts.extracted.key(record))).pts_seconds.tolist())
        strip = film_strip(
            record.path,
            times,
            start_seconds=record.start_seconds,
            end_seconds=record.end_seconds,
            frames=record.frames,
        )
    except KinemaError:
        strip = None
    labels = facts.config.labels
    return Sample(record.name, record.label, tuple((labels[i], float(scores[i])) for i in top), strip)


def _cost(facts: RunFacts) -> Cost:
    reports = facts.extracted.reports.values()
    extracted = sum(r.extracted for r in reports)
    seconds = sum(r.seconds for r in reports)
    backbones = [b for part in facts.extracted.parts.values() for b in part.backbones]
    # ru_maxrss counts kilobytes on Linux and bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(
        stages=dict(facts.seconds),
        videos_per_second=extracted / seconds if extracted and seconds else None,
        peak_memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit,
        store_size=_store_size(facts),
        device="GPU" if torch.cuda.is_available() else platform.machine(),
        threads=torch.get_num_threads(),
        trainable_parameters=trainable_parameters(facts.model),
        frozen_parameters=sum(p.numel() for b in backbones for p in b.module.parameters()),
        weights=tuple(
            WeightsSource(b.spec.name, Path(b.source).name, random=b.source.startswith("random"))
            for b in backbones
        ),
    )


def _store_size(facts: RunFacts) -> int:
    keys: Sequence[Any] = facts.dataset.records
    shelves = [part.shelf(facts.extracted.store) for part in facts.extracted.parts.values()]
    paths = [shelf.path(facts.extracted.key(r)) for shelf in shelves for r in keys]
    return sum(path.stat().st_size for path in paths if path.exists())


def _sections(facts: RunFacts, metrics: Mapping[str, Any]) -> list[Section]:
    sections = [protocol_section(metrics["protocol"])] if "protocol" in metrics else []
    fusion = facts.model.fusion
    if isinstance(fusion, WeightedAverageNet):
        first, second = facts.config.recipe.streams
        alpha = float(fusion.alpha)
        table = Table("Weight of each stream", ("stream", "weight"), [(first, alpha), (second, 1 - alpha)])
        sections.append(
            Section(
                "Fusion",
                "The learned weighted average alpha * A + (1 - alpha) * B; alpha starts at 0.5.",
                (table,),
            )
        )
    return sections
