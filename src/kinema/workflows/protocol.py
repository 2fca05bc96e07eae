"""A recipe under a protocol of several rounds: each round is a run of its own, and together they are one.

`OUT/rounds/<name>/` holds the runs. `OUT` itself is a run too: the model of one round (the first by the
protocol's own split; under leave-one-group-out the one trained on the most videos) with the metrics of all.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..atomic import write_text
from ..datasets import carve_validation, check_trainable, load_dataset
from ..errors import UsageError
from ..evaluation.protocols import Round, counted_rounds, rounds, summarise
from ..extraction.loaded import NO_WEIGHTS, LoadedStream, load_streams
from ..inference.predictor import load
from ..keys import fingerprint, video_key
from ..recipe import Protocol, Recipe, Training, changed
from ..run import load_run, save_run
from ..types import VideoRecord
from .context import Context, TrainOptions, TrainResult
from .evaluate import evaluate_model
from .extract import extract_streams
from .train_once import train_once
from .write_report import RunFacts, write_results

MARKER = "round.json"


def train_protocol(
    data: str | Path, recipe: Recipe, out: Path, options: TrainOptions, context: Context
) -> TrainResult:
    """Train every round in `out/rounds` and make `out` a run with the metrics of all of them.

    Features are extracted once for all rounds. A finished round with the same settings and videos is not
    repeated. Raises as `train` does; data that does not fit the protocol is refused at once.
    """
    made = rounds(
        lambda split: load_dataset(data, layout=options.layout, split=split),
        recipe.protocol,
        recipe.training.seed,
        split=options.split,
        validation=_needs_validation(recipe.training),
    )
    for one in made:
        try:
            check_trainable(one.dataset)
        except UsageError as error:
            raise UsageError(f"round '{one.part}': {error}") from None
    streams = load_streams(recipe.streams, context.resources, advice=NO_WEIGHTS)
    made, quarantined = _readable(made, recipe, streams, context)
    done = []
    for number, one in enumerate(made, start=1):
        seed = f", seed {one.seed}" if recipe.protocol.seeds > 1 else ""
        context.events.step(f"round {number} of {len(made)}: {one.part}{seed}")
        # The recipe of one round: its own seed, on one given split.
        own = changed(recipe, {"training.seed": one.seed, "protocol": Protocol().model_dump(mode="json")})
        digest = _digest(one, own, streams, context.digests(one.dataset.records))
        done.append(_round(one, own, out / "rounds" / one.folder, digest, options, context))
    return _whole(made, quarantined, done, recipe, out, context)


def _needs_validation(training: Training) -> bool:
    stages = [training, *([training.backbone] if training.backbone else [])]
    watched = any(stage.keep == "best" or stage.stop_after is not None for stage in stages)
    return training.val_fraction > 0 or watched


def _readable(
    made: list[Round], recipe: Recipe, streams: Mapping[str, LoadedStream], context: Context
) -> tuple[list[Round], dict[str, str]]:
    """Extract what any round needs. Returns the rounds without unreadable files, and the reasons by file."""
    if any(stream.train_blocks for stream in recipe.streams.values()):
        # Features differ from round to round, as their backbones do: each round extracts its own.
        return made, {}
    extracted = extract_streams(_union(made), streams, context)
    usable = {r.id for r in extracted.records}
    kept = []
    for one in made:
        records = tuple(r for r in one.dataset.records if r.id in usable)
        kept.append(replace(one, dataset=replace(one.dataset, records=records)))
    return kept, extracted.quarantined


def _union(made: Iterable[Round]) -> list[VideoRecord]:
    """Every record once: a training record if it is one in any round, since those have augmented versions."""
    found: dict[str, VideoRecord] = {}
    for one in made:
        for record in one.dataset.records:
            if record.id not in found or record.split == "train":
                found[record.id] = record
    return list(found.values())


def _digest(
    one: Round, recipe: Recipe, streams: Mapping[str, LoadedStream], digests: Mapping[Path, str]
) -> str:
    """Everything that decides a round's result: recipe, weights, the content and the split of its videos."""
    keyed = [r for r in one.dataset.records if r.path in digests]
    return fingerprint(
        {
            "recipe": recipe.model_dump(mode="json"),
            "streams": {name: stream.settings() for name, stream in streams.items()},
            "videos": [[video_key(digests[r.path], r), r.label, r.group, r.split] for r in keyed],
        }
    )


def _round(
    one: Round, recipe: Recipe, folder: Path, digest: str, options: TrainOptions, context: Context
) -> TrainResult:
    found = None if options.fresh else _finished(folder, digest)
    if found is not None:
        context.events.note(f"{folder.name} is finished: accuracy {found.metrics['accuracy']:.1%}")
        return found
    folder.mkdir(parents=True, exist_ok=True)
    result = train_once(one.dataset, recipe, folder, options, context)
    result.warnings = list(dict.fromkeys(result.warnings))
    write_text(folder / MARKER, json.dumps({"fingerprint": digest, "warnings": result.warnings}))
    return result


def _finished(folder: Path, digest: str) -> TrainResult | None:
    """What a finished round of the same settings found; None where there is none."""
    try:
        marker = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        return TrainResult(folder, metrics, marker["warnings"]) if marker["fingerprint"] == digest else None
    except (OSError, ValueError, KeyError):
        return None


def _whole(
    made: list[Round],
    quarantined: dict[str, str],
    done: Sequence[TrainResult],
    recipe: Recipe,
    out: Path,
    context: Context,
) -> TrainResult:
    """Make `out` a run: the model of one round, the metrics and warnings of all."""
    lost = max(len(quarantined), *(d.metrics["quarantined"] for d in done))
    metrics = summarise(recipe.protocol, made, [d.metrics for d in done]) | {
        "quarantined": lost,
        "absent": max(d.metrics["absent"] for d in done),
    }
    warnings = _warnings(made, done, recipe.protocol.kind)
    if quarantined:
        warnings.append(f"{lost} files could not be read and were left out; see quarantine.csv")
    if metrics["protocol"].get("differ"):
        warnings.append(_leak_warning(metrics["protocol"]["compared"]))
        context.events.warn(warnings[-1])
    counted = [made[i] for i in counted_rounds(recipe.protocol.kind, made)]
    chosen = counted[0]
    if recipe.protocol.kind == "leave_one_group_out":
        chosen = max(counted, key=lambda one: len(one.dataset.part("train")))
    metrics["protocol"]["model"] = f"rounds/{chosen.folder}"
    _write_run(chosen, metrics, warnings, quarantined, recipe, out, context)
    return TrainResult(out, metrics, warnings)


def _write_run(
    chosen: Round,
    metrics: dict[str, Any],
    warnings: list[str],
    quarantined: dict[str, str],
    recipe: Recipe,
    out: Path,
    context: Context,
) -> None:
    """Write the chosen round's model as the run `out`; its film strips and curves are shown in the report."""
    folder = out / "rounds" / chosen.folder
    # `none` is for what is trained: the run itself remembers that its values were random.
    resources = replace(context.resources, weights=context.resources.folder)
    loaded = load(folder, resources)
    spec, data = loaded.config.recipe.training, loaded.config.data
    records = carve_validation(chosen.dataset.records, spec.val_fraction, spec.seed)
    extracted = extract_streams(tuple(records), loaded.streams, context)
    extracted.quarantined |= quarantined
    dataset = replace(chosen.dataset, records=tuple(extracted.records))
    model = loaded.sequences.model
    evaluation = evaluate_model(model, extracted, dataset, train_counts=data["train_counts"])
    evaluation.metrics = metrics
    config = replace(
        loaded.config,
        recipe=changed(loaded.config.recipe, {"protocol": recipe.protocol.model_dump(mode="json")}),
        data=data | {"model_of": chosen.folder, "split": metrics["split"]},
    )
    save_run(out, config, load_run(folder)[1])
    rows = (folder / "history.jsonl").read_text(encoding="utf-8").splitlines()
    history = [json.loads(row) for row in rows]
    facts = RunFacts(out, config, dataset, extracted, model, history, {}, warnings)
    write_results(facts, evaluation, context.events)


def _warnings(made: Sequence[Round], done: Sequence[TrainResult], kind: str) -> list[str]:
    """Warnings of all rounds as they are, those of some with the rounds' names.

    Under leave-one-group-out the latter stay in the rounds' own reports: a group lacks classes by design.
    """
    rounds_of: dict[str, list[str]] = {}
    for one, result in zip(made, done, strict=True):
        for text in result.warnings:
            rounds_of.setdefault(text, []).append(one.part)
    common = [text for text, parts in rounds_of.items() if len(parts) == len(made)]
    some = {text: dict.fromkeys(parts) for text, parts in rounds_of.items() if len(parts) < len(made)}
    named = [f"{', '.join(parts)}: {text}" for text, parts in some.items()]
    return common if kind == "leave_one_group_out" else common + named


def _leak_warning(compared: Mapping[str, Any]) -> str:
    at_random, by_group = (side["accuracy"] for side in compared.values())
    return (
        f"a random split gives {at_random:.1%}, a split by group {by_group:.1%}: they differ by more than"
        " their uncertainty, so compare with other systems by the group-aware figure"
    )
