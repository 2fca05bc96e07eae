"""A recipe under a protocol of several rounds: each round is a run of its own, and together they are one.

`OUT/rounds/<name>/` holds the runs. `OUT` itself is a run too: the model of one round (the first by the
protocol's own split; under leave-one-group-out the one trained on the most videos; under folds one more,
trained on all videos) with the metrics of all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..datasets import carve_validation
from ..datasets.splits import keep_classes
from ..evaluation.folds import folds_line, trained_on_all
from ..evaluation.predictions import joined
from ..evaluation.protocols import counted_rounds, summarise
from ..evaluation.rounds import Round, union
from ..extraction.calibrate import save_networks
from ..extraction.loaded import NO_WEIGHTS, LoadedStream, load_streams
from ..inference.load import load
from ..keys import fingerprint
from ..recipe import Recipe, changed
from ..run import load_run, save_run
from ..training.ranks import ALONE
from .context import Context, TrainOptions, TrainResult
from .evaluate_model import Evaluation
from .extract import extract_streams
from .finished import finished, finished_for_all, mark_finished, reopen, training_digest
from .round_runs import round_answers, round_folder, round_history, round_recipe
from .spent import Spent
from .train_folds import FoldEvents, Folds, train_on_all
from .train_once import train_once
from .trainable_rounds import DataSource, trainable_rounds
from .write_report import RunFacts, write_results


def train_protocol(
    data: str | Path, recipe: Recipe, out: Path, options: TrainOptions, context: Context, why: str = ""
) -> TrainResult:
    """Train every round in `out/rounds` and make `out` a run with the metrics of all of them.

    Features are extracted once for all rounds. A finished round with the same settings and videos is not
    repeated. `why` says why folds were chosen, if they were. Raises as `train` does; data that does not fit
    the protocol is refused at once.
    """
    made, ranks = _rounds(data, recipe, options, context), context.ranks
    streams = load_streams(recipe.streams, context.resources, advice=NO_WEIGHTS)
    digest = fingerprint({"rounds": [_digest(one, recipe, streams) for one in made]})
    whole = finished_for_all(out, digest, ranks, overwrite=options.overwrite)
    if whole is not None and not options.overwrite:
        context.events.note(f"{out.name} is finished: accuracy {whole.metrics['accuracy']:.1%}")
        return whole
    # Rounds that the new whole shares with the old one stay, unless all of it is wanted anew.
    options = replace(options, overwrite=whole is not None)
    everything = trained_on_all(made) if recipe.protocol.kind == "folds" else None
    if everything is not None:
        parts = len({one.part for one in made})
        context.events.note(folds_line(why, parts, len(everything.records)))
    made, ready, quarantined, spent = _readable(made, recipe, streams, context)
    done = _trained(made, recipe, ready, out, options, context)
    for one in done:
        spent.add(Spent.of(one.metrics))
    if everything is not None:
        folds = Folds(made, [d.metrics for d in done], spent, why)
        result = train_on_all(everything, folds, recipe, ready, out, options, context)
    else:
        alone = replace(context, ranks=ALONE) if ranks.count > 1 else context
        result = ranks.from_first(lambda: _whole(made, quarantined, done, spent, recipe, out, alone))
    if ranks.first:
        mark_finished(result, digest, recipe)
    return result


def _rounds(data: str | Path, recipe: Recipe, options: TrainOptions, context: Context) -> list[Round]:
    source = DataSource(data, options.layout, options.split, recipe.data.whole_files)
    training = recipe.training
    return trainable_rounds(
        source, recipe.protocol, training.seed, validation=training.needs_validation, context=context
    )


def _trained(
    made: Sequence[Round],
    recipe: Recipe,
    streams: Mapping[str, LoadedStream],
    out: Path,
    options: TrainOptions,
    context: Context,
) -> list[TrainResult]:
    """Train every round that is not finished, each in a folder of its own."""
    folded = recipe.protocol.kind == "folds"
    own = replace(context, events=FoldEvents(context.events)) if folded else context
    # A stage that trains backbones starts from published values in every round.
    shared = None if recipe.releases else streams
    done = []
    for number, one in enumerate(made, start=1):
        seed = f", seed {one.seed}" if recipe.protocol.seeds > 1 else ""
        name = one.part if folded else f"round {number} of {len(made)}: {one.part}"
        context.events.step(f"{name}{seed}")
        folder = round_folder(one, out)
        if context.ranks.first and finished(folder, _digest(one, recipe, streams), overwrite=True) is None:
            reopen(folder)  # a round of other settings, of a whole that is to go
        asked = round_recipe(recipe, one)
        done.append(train_once(one.dataset, asked, folder, options, own, streams=shared, alone=False))
    return done


def _readable(
    made: list[Round], recipe: Recipe, streams: Mapping[str, LoadedStream], context: Context
) -> tuple[list[Round], Mapping[str, LoadedStream], dict[str, str], Spent]:
    """Extract what any round needs.

    Returns the rounds without unreadable files, the streams, the reasons by file, and what it took.
    """
    if recipe.releases:
        # Features differ from round to round, as their backbones do: each round extracts its own.
        return made, streams, {}, Spent()
    spent = Spent(shared=True)
    extracted = extract_streams(union(made), streams, context)
    spent.extraction(extracted.reports)
    spent.memory = context.memory.bytes
    usable = {r.id for r in extracted.records}
    kept = []
    for one in made:
        records = [r for r in one.dataset.records if r.id in usable]
        if recipe.protocol.kind == "folds":  # a file that cannot be read may have been a class's last one
            records = keep_classes(records)
        kept.append(replace(one, dataset=replace(one.dataset, records=tuple(records))))
    return kept, extracted.streams, extracted.quarantined, spent


def _digest(one: Round, recipe: Recipe, streams: Mapping[str, LoadedStream]) -> str:
    own = changed(round_recipe(recipe, one), {"data.classes": len(one.dataset.labels)})
    return training_digest(own, streams, one.dataset.records)


def _whole(
    made: list[Round],
    quarantined: dict[str, str],
    done: Sequence[TrainResult],
    spent: Spent,
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
    _write_run(chosen, counted, metrics, warnings, quarantined, spent, recipe, out, context)
    return TrainResult(out, metrics, warnings)


def _write_run(
    chosen: Round,
    counted: Sequence[Round],
    metrics: dict[str, Any],
    warnings: list[str],
    quarantined: dict[str, str],
    spent: Spent,
    recipe: Recipe,
    out: Path,
    context: Context,
) -> None:
    """Write the chosen round's model and curves as the run `out`, with the answers of all counted rounds."""
    folder = round_folder(chosen, out)
    # `none` is for what is trained: the run itself remembers that its values were random.
    resources = replace(context.resources, weights=context.resources.folder)
    loaded = load(folder, resources)
    spec, data = loaded.config.recipe.training, loaded.config.data
    records = carve_validation(chosen.dataset.records, spec.val_fraction, spec.seed)
    answers = joined(round_answers(counted, out), len(counted[0].dataset.labels))
    shown = {r.id: r for r in [*answers.records, *records]}
    extracted = extract_streams(tuple(shown.values()), loaded.streams, context)
    extracted.quarantined |= quarantined
    usable = {r.id for r in extracted.records}
    dataset = replace(chosen.dataset, records=tuple(r for r in records if r.id in usable))
    evaluation = Evaluation(answers, joined([], len(loaded.labels)), metrics)
    config = replace(
        loaded.config,
        recipe=changed(loaded.config.recipe, {"protocol": recipe.protocol.model_dump(mode="json")}),
        data=data | {"model_of": chosen.folder, "split": metrics["split"]},
    )
    save_networks(out, loaded.streams)
    save_run(out, config, load_run(folder)[1])
    history, model = round_history(chosen, out), loaded.sequences.model
    facts = RunFacts(out, config, dataset, extracted, model, history, spent, warnings)
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
