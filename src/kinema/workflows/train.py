"""`kinema train`: a folder of videos becomes a run. Everything that can be refused is, before torch loads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..buckets import as_path, delivered_folder
from ..datasets import Dataset, check_trainable, ensure_split, load_dataset
from ..datasets.units import any_copies
from ..errors import UsageError
from ..recipe import Recipe, resolve
from ..resources import Resources, has_cuda
from ..training.ranks import Ranks, check_ranks, join
from .choose_protocol import choose_protocol
from .context import Context, TrainOptions, TrainResult
from .events import SILENT, Events
from .finished import refuse_other_recipe
from .folders import writable

if TYPE_CHECKING:
    from ..datasets.timeline import TimelineSet

# The recipe of a task where none is given.
DEFAULTS = {"auto": "lite", "clips": "lite", "timeline": "timeline"}


def train(
    data: str | Path,
    *,
    recipe: str | Path | Mapping[str, Any] | Recipe | None = None,
    out: str | Path,
    overrides: Iterable[str] = (),
    options: TrainOptions | None = None,
    resources: Resources | None = None,
    events: Events = SILENT,
) -> TrainResult:
    """Train `recipe` (`lite`, or `timeline` for that task) on `data` and write a run to `out`.

    A run that was interrupted goes on where it stopped when it is started again with the same settings, and
    a finished one is returned as it is. One of other settings is refused, unless `options.overwrite`. With
    `options.devices` and `nodes` each of the processes calls this, and the first one writes; all must see the
    same data, store and `out`.
    Raises `UsageError` (nothing was done) or `WorkError` (the work failed; what is in the store stays).
    """
    options = options or TrainOptions()
    resources = resources or Resources()
    overrides = list(overrides)
    _refuse_facts(overrides)
    resolved = resolve(recipe or DEFAULTS[options.task], overrides, resources)
    ranks = _joined(resolved, options, resources)
    context = Context(resources, events if ranks.first else SILENT, ranks=ranks)
    with ExitStack() as sending:
        folder = ranks.from_first(lambda: sending.enter_context(delivered_folder(out)))
        result = _train(data, resolved, folder, options, context)
    return replace(result, run=as_path(out), first=ranks.first)


def _joined(recipe: Recipe, options: TrainOptions, resources: Resources) -> Ranks:
    """This process among those that train together."""
    check_ranks(options.devices, options.nodes, resources.device)
    trains_norm = any(s.train_blocks and s.batch_norm == "train" for s in recipe.streams.values())
    if options.devices * options.nodes > 1 and trains_norm and (resources.device == "cpu" or not has_cuda()):
        raise UsageError(
            "batch_norm=train across processes needs GPUs; "
            "use --set streams.NAME.batch_norm=eval, or --devices 1"
        )
    return join(options.devices, options.nodes, resources.device)


def _train(
    data: str | Path, resolved: Recipe, out: Path, options: TrainOptions, context: Context
) -> TrainResult:
    if resolved.timeline is not None or options.task == "timeline":
        return _train_timeline(data, resolved, out, options, context)
    dataset = load_dataset(
        data, layout=options.layout, split=options.split, whole_files=resolved.data.whole_files
    )
    resolved, why = choose_protocol(resolved, dataset)
    if not options.overwrite:
        refuse_other_recipe(out, resolved)
    if resolved.protocol.several_rounds:
        from .protocol import train_protocol  # torch

        return train_protocol(data, resolved, writable(out), options, context, why)

    def split(dataset: Dataset) -> Dataset:
        dataset = ensure_split(dataset, resolved.training.seed, resolved.protocol.test_fraction)
        check_trainable(dataset)
        return dataset

    divided = split(dataset)  # what can be refused without reading files
    folder = writable(out)
    divided = context.identified(divided)
    if any_copies(divided.records):  # no split may part them
        divided = split(context.identified(dataset))
    from .train_once import train_once  # torch

    return train_once(divided, resolved, folder, options, context)


def _train_timeline(
    data: str | Path, recipe: Recipe, out: Path, options: TrainOptions, context: Context
) -> TrainResult:
    """As `train`, of whole files with segments."""
    if recipe.timeline is None:
        raise UsageError(
            f"recipe {recipe.name} scores whole videos; for timelines take timeline, timeline-both,"
            " tiny-timeline (no weights), or a recipe with a section `timeline`"
        )
    if options.task == "clips":
        raise UsageError(f"recipe {recipe.name} is for timelines; leave --task out, or take another recipe")
    from ..datasets.timeline import check_timelines, ensure_timeline_split, load_timelines

    def split(dataset: TimelineSet) -> TimelineSet:
        dataset = ensure_timeline_split(dataset, recipe.training.seed, recipe.protocol.test_fraction)
        check_timelines(dataset)
        return dataset

    if not options.overwrite:
        refuse_other_recipe(out, recipe)
    dataset = load_timelines(data, layout=options.layout, split=options.split)
    split(dataset)  # what can be refused without reading files
    folder = writable(out)
    dataset = split(context.identified(dataset))
    from .train_timeline import train_timeline  # torch

    return train_timeline(dataset, recipe, folder, options, context)


def _refuse_facts(overrides: Iterable[str]) -> None:
    fact = next((o for o in overrides if o.startswith("data.classes")), None)
    if fact is not None:
        raise UsageError(f"--set {fact}: the number of classes is counted in the data; leave it out")
