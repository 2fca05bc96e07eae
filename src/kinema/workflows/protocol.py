"""A recipe under a protocol of several rounds: each round is a run of its own, and together they are one.

`OUT/rounds/<name>/` holds the runs. `OUT` itself is a run too: the model of one round (the first by the
protocol's own split; under leave-one-group-out the one trained on the most videos) with the metrics of all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..atomic import write_text
from ..datasets import Dataset, carve_validation, check_trainable, load_dataset
from ..errors import UsageError
from ..evaluation.protocols import Round, counted_rounds, rounds, summarise
from ..extraction.engine import digest_records
from ..features.keys import fingerprint, video_key
from ..inference.predictor import load
from ..pipeline import StreamParts
from ..recipe import Protocol, Recipe, Training
from ..run import load_run, save_run
from ..types import VideoRecord
from .evaluate import evaluate_model
from .events import Events
from .options import TrainOptions, TrainResult
from .prepare import extract_streams
from .resolve import assemble
from .write_report import RunFacts, write_results

# Trains one run: (dataset, recipe, folder, options, events).
TrainOne = Callable[[Dataset, Recipe, Path, TrainOptions, Events], TrainResult]
MARKER = "round.json"


@dataclass(slots=True)
class _Done:
    """A finished round: metrics.json's content and the warnings of its report."""

    metrics: dict[str, Any]
    warnings: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Prepared:
    """Rounds without the files that cannot be read, the digests of all files, and those files by name."""

    rounds: list[Round]
    digests: dict[Path, str]
    quarantined: dict[str, str]


def several_rounds(protocol: Protocol) -> bool:
    """Whether the protocol is more than one training on one split."""
    return protocol.kind != "split" or protocol.seeds > 1


def train_protocol(
    data: str | Path, recipe: Recipe, out: Path, options: TrainOptions, events: Events, train_one: TrainOne
) -> TrainResult:
    """Train every round in `out/rounds` and make `out` a run with the metrics of all of them.

    Features are extracted once for all rounds. A round that is finished with the same settings and videos
    is not repeated, and one that was interrupted goes on where it stopped. Raises as `train` does; data
    that does not fit the protocol is refused before anything is computed.
    """
    made = rounds(
        lambda split: load_dataset(data, layout=options.layout, split=split),
        recipe.protocol,
        recipe.training.seed,
        split=options.split,
        validation=_needs_validation(recipe.training),
    )
    for one in made:
        _check(one)
    parts = assemble(recipe, options.weights, options.download)
    prepared = _prepare(made, recipe, parts, options, events)
    done = []
    for number, one in enumerate(prepared.rounds, start=1):
        seed = f", seed {one.seed}" if recipe.protocol.seeds > 1 else ""
        events.step(f"round {number} of {len(made)}: {one.part}{seed}")
        own = _round_recipe(recipe, one)
        digest = _digest(one, own, parts, prepared.digests)
        done.append(_round(one, own, out / "rounds" / one.folder, digest, options, events, train_one))
    return _whole(prepared, done, recipe, out, options, events)


def _needs_validation(training: Training) -> bool:
    return training.val_fraction > 0 or training.keep == "best" or training.stop_after is not None


def _check(one: Round) -> None:
    try:
        check_trainable(one.dataset)
    except UsageError as error:
        raise UsageError(f"round '{one.part}': {error}") from None


def _prepare(
    made: list[Round],
    recipe: Recipe,
    parts: Mapping[str, StreamParts],
    options: TrainOptions,
    events: Events,
) -> _Prepared:
    """Extract what any round needs."""
    needed = _union(made)
    if any(stream.train_blocks for stream in recipe.streams.values()):
        # Features differ from round to round, as their backbones do: each round extracts its own.
        return _Prepared(made, digest_records(needed)[0], {})
    extracted = extract_streams(
        needed, parts, options.features, workers=options.workers, device=options.device, events=events
    )
    usable = {r.id for r in extracted.records}
    kept = [
        replace(
            one,
            dataset=replace(one.dataset, records=tuple(r for r in one.dataset.records if r.id in usable)),
        )
        for one in made
    ]
    return _Prepared(kept, extracted.digests, extracted.quarantined)


def _union(made: Iterable[Round]) -> list[VideoRecord]:
    """Every record once: a training record if it is one in any round, since those have augmented versions."""
    found: dict[str, VideoRecord] = {}
    for one in made:
        for record in one.dataset.records:
            if record.id not in found or record.split == "train":
                found[record.id] = record
    return list(found.values())


def _round_recipe(recipe: Recipe, one: Round) -> Recipe:
    """The recipe of one round: its own seed, on one given split."""
    training = recipe.training.model_copy(update={"seed": one.seed})
    return recipe.model_copy(update={"training": training, "protocol": Protocol()})


def _digest(one: Round, recipe: Recipe, parts: Mapping[str, StreamParts], digests: Mapping[Path, str]) -> str:
    """Everything that decides a round's result: recipe, weights, the content and the split of its videos."""
    keyed = [r for r in one.dataset.records if r.path in digests]
    return fingerprint(
        {
            "recipe": recipe.model_dump(mode="json"),
            "streams": {name: part.settings() for name, part in parts.items()},
            "videos": [[video_key(digests[r.path], r), r.label, r.group, r.split] for r in keyed],
        }
    )


def _round(
    one: Round,
    recipe: Recipe,
    folder: Path,
    digest: str,
    options: TrainOptions,
    events: Events,
    train_one: TrainOne,
) -> _Done:
    found = None if options.fresh else _finished(folder, digest)
    if found is not None:
        events.note(f"{folder.name} is finished: accuracy {found.metrics['accuracy']:.1%}")
        return found
    result = train_one(one.dataset, recipe, folder, options, events)
    warnings = list(dict.fromkeys(result.warnings))
    write_text(folder / MARKER, json.dumps({"fingerprint": digest, "warnings": warnings}))
    return _Done(result.metrics, warnings)


def _finished(folder: Path, digest: str) -> _Done | None:
    """What a finished round of the same settings found; None where there is none."""
    try:
        marker = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        return _Done(metrics, marker["warnings"]) if marker["fingerprint"] == digest else None
    except (OSError, ValueError, KeyError):
        return None


def _whole(
    prepared: _Prepared,
    done: Sequence[_Done],
    recipe: Recipe,
    out: Path,
    options: TrainOptions,
    events: Events,
) -> TrainResult:
    """Make `out` a run: the model of one round, the metrics and warnings of all."""
    made = prepared.rounds
    lost = max(len(prepared.quarantined), *(d.metrics["quarantined"] for d in done))
    metrics = summarise(recipe.protocol, made, [d.metrics for d in done]) | {
        "quarantined": lost,
        "absent": max(d.metrics["absent"] for d in done),
    }
    warnings = _warnings(made, done, recipe.protocol.kind)
    if prepared.quarantined:
        warnings.append(f"{lost} files could not be read and were left out; see quarantine.csv")
    if metrics["protocol"].get("differ"):
        warnings.append(_leak_warning(metrics["protocol"]["compared"]))
        events.warn(warnings[-1])
    chosen = made[_model_round(recipe.protocol.kind, made)]
    metrics["protocol"]["model"] = f"rounds/{chosen.folder}"
    _write_run(chosen, metrics, warnings, prepared.quarantined, recipe, out, options, events)
    return TrainResult(out, metrics, warnings)


def _write_run(
    chosen: Round,
    metrics: dict[str, Any],
    warnings: list[str],
    quarantined: dict[str, str],
    recipe: Recipe,
    out: Path,
    options: TrainOptions,
    events: Events,
) -> None:
    """Write the chosen round's model as the run `out`; its film strips and curves are shown in the report."""
    folder = out / "rounds" / chosen.folder
    weights = None if str(options.weights) == "none" else options.weights
    loaded = load(folder, weights=weights, device=options.device, download=options.download)
    extracted = extract_streams(
        chosen.dataset.records, loaded.parts, options.features, device=options.device, events=events
    )
    extracted.quarantined |= quarantined
    spec, data = loaded.config.recipe.training, loaded.config.data
    records = tuple(carve_validation(extracted.records, spec.val_fraction, spec.seed))
    dataset = replace(chosen.dataset, records=records)
    evaluation = evaluate_model(loaded.model, extracted, dataset, train_counts=data["train_counts"])
    evaluation.metrics = metrics
    config = replace(
        loaded.config,
        recipe=loaded.config.recipe.model_copy(update={"protocol": recipe.protocol}),
        data=data | {"model_of": chosen.folder, "split": metrics["split"]},
    )
    save_run(out, config, load_run(folder)[1])
    rows = (folder / "history.jsonl").read_text(encoding="utf-8").splitlines()
    history = [json.loads(row) for row in rows]
    absent = chosen.dataset.absent
    facts = RunFacts(out, config, dataset, extracted, loaded.model, history, {}, warnings, absent)
    write_results(facts, evaluation, events)


def _model_round(kind: str, made: Sequence[Round]) -> int:
    counted = counted_rounds(kind, made)
    if kind != "leave_one_group_out":
        return counted[0]
    return max(counted, key=lambda i: len(made[i].dataset.part("train")))


def _warnings(made: Sequence[Round], done: Sequence[_Done], kind: str) -> list[str]:
    """Warnings of all rounds as they are, those of some with the rounds' names.

    Under leave-one-group-out the latter stay in the rounds' own reports: a group lacks classes by design.
    """
    rounds_of: dict[str, list[str]] = {}
    for one, result in zip(made, done, strict=True):
        for text in result.warnings:
            rounds_of.setdefault(text, []).append(one.part)
    common = [text for text, parts in rounds_of.items() if len(parts) == len(made)]
    if kind == "leave_one_group_out":
        return common
    some = [
        f"{', '.join(dict.fromkeys(parts))}: {text}"
        for text, parts in rounds_of.items()
        if len(parts) < len(made)
    ]
    return common + some


def _leak_warning(compared: Mapping[str, Any]) -> str:
    at_random, by_group = (side["accuracy"] for side in compared.values())
    return (
        f"a random split gives {at_random:.1%}, a split by group {by_group:.1%}: they differ by more than"
        " their uncertainty, so compare with other systems by the group-aware figure"
    )
