"""The results of a training, as report.html and as the model card README.md of the run."""

import datetime
import json
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .. import __version__
from ..atomic import atomic_open, write_text
from ..datasets import Dataset, find_duplicates, find_leaks
from ..evaluation.predictions import write_predictions
from ..evaluation.score import step_labels
from ..extraction.extracted import Extracted
from ..features.stored import stored_size
from ..model.build import trainable_parameters
from ..model.items import with_stream
from ..model.recognizer import Recognizer
from ..report.clips import surest_and_worst
from ..report.data import Cost, DatasetFacts, ReportData, Sample, WeightsSource
from ..report.headline import comparisons
from ..report.model_card import model_card
from ..report.render import write_report
from ..run import RunConfig
from .evaluate_model import Evaluation
from .events import Events
from .memory import peak_memory
from .report_sections import further_sections, strip_of
from .seen import write_seen
from .spent import Spent

STRIPS = 12  # misses that are shown, and not only named
NAMED = 500  # misses that are named; all of them are in predictions.csv


@dataclass(slots=True)
class RunFacts:
    """Everything a report needs beside the evaluation."""

    folder: Path
    config: RunConfig
    dataset: Dataset
    extracted: Extracted
    model: Recognizer
    history: list[dict[str, Any]]
    spent: Spent
    warnings: list[str]


def write_results(facts: RunFacts, evaluation: Evaluation, events: Events) -> None:
    """Write the evaluation, history.jsonl, training_videos.csv and README.md into the run's folder."""
    with atomic_open(facts.folder / "history.jsonl") as file:
        file.writelines(json.dumps(row) + "\n" for row in facts.history)
    write_seen(facts.folder, facts.dataset.records)
    data = write_evaluation(facts, evaluation, events)
    write_text(facts.folder / "README.md", model_card(data))


def write_evaluation(facts: RunFacts, evaluation: Evaluation, events: Events) -> ReportData:
    """Write metrics.json, predictions.csv and report.html into the folder; returns what the report shows.

    What it took joins the metrics here.
    """
    facts.spent.memory = max(facts.spent.memory, peak_memory())
    evaluation.metrics |= facts.spent.metrics() | {"computed_with": facts.extracted.computed()}
    write_text(facts.folder / "metrics.json", json.dumps(evaluation.metrics, indent=2) + "\n")
    answers = [evaluation.tested, evaluation.validated]
    write_predictions(facts.folder / "predictions.csv", facts.config.labels, answers)
    events.step("writing the report")
    data = report_data(facts, evaluation)
    write_report(facts.folder / "report.html", data)
    return data


def report_data(facts: RunFacts, evaluation: Evaluation) -> ReportData:
    """All that the report shows, as plain values."""
    leaks = find_leaks(facts.dataset.records)
    return run_report(
        facts,
        dataset=dataset_facts(
            facts,
            duplicates=[d.shown for d in find_duplicates(facts.dataset.records)],
            leaks=[f"{k.label or ''} {k.group}: {k.train} train, {k.test} test".strip() for k in leaks],
        ),
        metrics=evaluation.metrics,
        comparisons=comparisons(evaluation.metrics),
        samples=tuple(_samples(facts, evaluation)),
        sections=tuple(further_sections(evaluation.metrics, facts.model, facts.dataset, facts.extracted)),
    )


def run_report(facts: RunFacts, **shown: Any) -> ReportData:
    """The report of a run with what is `shown` of its answers: fields of `ReportData`."""
    recipe = facts.config.recipe
    return ReportData(
        title=f"{recipe.name} on {facts.dataset.title}",
        summary=recipe.summary,
        created=datetime.date.today().isoformat(),
        version=__version__,
        run=facts.folder.name,
        recipe=recipe.name,
        recipe_yaml=recipe.to_yaml(),
        paper_title=recipe.paper.shown if recipe.paper else "",
        paper_doi=(recipe.paper.doi or "") if recipe.paper else "",
        notes=recipe.notes,
        warnings=tuple(dict.fromkeys(facts.warnings)),
        history=facts.history,
        cost=cost_of(facts),
        **shown,
    )


def data_warnings(dataset: Dataset, extracted: Extracted) -> list[str]:
    """What may distort the result: random weights, leaks, duplicates across splits, imbalance, lost files."""
    warnings = [
        f"{b.spec.name} has random weights ({b.source}): its features are not those of a trained network"
        for stream in extracted.streams.values()
        for b in stream.backbones
        if b.source.startswith("random")
    ]
    leaks = [leak for leak in find_leaks(dataset.records) if leak.same_class]
    if leaks:
        warnings.append(f"{len(leaks)} groups have videos in train and in test: the score is too high")
    crossing = [d for d in find_duplicates(dataset.records) if d.across_splits]
    if crossing:
        warnings.append(
            f"{len(crossing)} files are in train and in test under two names: {crossing[0].shown}"
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
    if again := extracted.computed()["again"]:
        precision = extracted.computed()["precision"]
        warnings.append(f"{again} steps were not finite in {precision} and were computed again in fp32")
    return [*warnings, *_absent(dataset, extracted)]


def _absent(dataset: Dataset, extracted: Extracted) -> list[str]:
    """How many videos lack a stream: a video without sound can be, one without a picture is no video."""
    heard = [name for name, stream in extracted.streams.items() if stream.spec.input == "audio"]
    items = extracted.items(dataset.records, dataset.labels) if heard else []
    lacking = {name: len(items) - len(with_stream(items, name)) for name in heard}
    return [
        f"stream {name} is absent in {absent} of {len(items)} videos: its embedding is zero there"
        for name, absent in lacking.items()
        if absent
    ]


def dataset_facts(facts: RunFacts, **more: Any) -> DatasetFacts:
    """What the report says of the data, with `more` fields of `DatasetFacts`."""
    dataset = facts.dataset
    counts = {label: {split: n for split, n in row.items() if n} for label, row in dataset.counts().items()}
    return DatasetFacts(
        root=dataset.title,
        layout=dataset.layout,
        split_source=dataset.split_source,
        counts=counts,
        absent=dataset.absent,
        quarantined=sorted(facts.extracted.quarantined.items()),
        **more,
    )


def _samples(facts: RunFacts, evaluation: Evaluation) -> list[Sample]:
    """The surest hits and the worst misses as film strips, further misses by name."""
    labels, tested = facts.config.labels, evaluation.tested
    index = {label: number for number, label in enumerate(labels)}
    truth = np.array([index[r.label or ""] for r in tested.records])
    hits, misses = surest_and_worst(tested.scores, truth, misses=NAMED)
    strips = {*hits, *misses[:STRIPS]}
    return [_sample(facts, evaluation, i, strip=i in strips) for i in [*hits, *misses]]


def _sample(facts: RunFacts, evaluation: Evaluation, index: int, *, strip: bool) -> Sample:
    labels = facts.config.labels
    record, scores = evaluation.tested.records[index], evaluation.tested.scores[index]
    top = tuple((labels[i], float(scores[i])) for i in np.argsort(-scores, kind="stable")[:3])
    if not strip:
        return Sample(record.name, record.label, top)
    film, steps = strip_of(facts.extracted, record)
    tags: tuple[str, ...] = ()
    # With several rounds, the model here is not the one that answered for every video.
    per_step = facts.config.recipe.classifier.per_step
    if film is not None and per_step and record in facts.dataset.part("test"):
        found = step_labels(facts.model, facts.extracted.items([record], labels)[0])
        tags = tuple(labels[found[step]] for step in steps)
    return Sample(record.name, record.label, top, film, tags)


def cost_of(facts: RunFacts) -> Cost:
    """What a training took, as the report shows it."""
    spent, streams = facts.spent, list(facts.extracted.streams.values())
    computed = facts.extracted.computed()
    backbones = [b for stream in streams for b in stream.backbones]
    items = facts.extracted.items(facts.dataset.records, facts.dataset.labels)
    stored = [path for item in items for path in item.files.values()]
    return Cost(
        stages=dict(spent.seconds),
        computed=spent.computed,
        reused=spent.reused,
        extraction_rate=spent.extraction_rate,
        training_rate=spent.training_rate,
        peak_memory=spent.memory,
        store_size=sum(map(stored_size, stored)),
        device=platform.machine() if computed["device"] == "cpu" else computed["device"],
        features=f"{computed['precision']} by {computed['runtime']}",
        threads=torch.get_num_threads(),
        trainable_parameters=trainable_parameters(facts.model),
        frozen_parameters=sum(p.numel() for b in backbones for p in b.module.parameters()),
        weights=tuple(
            WeightsSource(b.spec.name, Path(b.source).name, random=b.source.startswith("random"))
            for b in backbones
        ),
    )
