"""A run folder made ready to predict. Never imports the trainer."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ..backbones.choice import choose
from ..backbones.tell import tell
from ..buckets import local_folder
from ..buckets.folder import named_as
from ..errors import UsageError
from ..extraction.calibrate import with_networks
from ..extraction.loaded import TRAINED, load_streams
from ..model.build import build_recognizer
from ..recipe import changed
from ..resources import Precision, Resources
from ..run import RunConfig, check_backbones, load_run, weight_hints
from ..weights.hub import look_in
from .predictor import LoadedRun, SequencePredictor


def load(run: str | Path, resources: Resources | None = None) -> LoadedRun:
    """Load a run folder, or the URL of one. Its precision is the run's own unless `resources` says otherwise.

    Raises `UsageError` for what is not a run, for a newer run, and for other weights than the run's own.
    """
    resources = resources or Resources()
    look_in(resources.folder, offline=resources.offline)
    folder = local_folder(run)
    with named_as(run, folder):
        return _loaded(folder, resources)


def _loaded(run: Path, resources: Resources) -> LoadedRun:
    config, state = load_run(run)
    if resources.precision == "auto":
        resources = replace(resources, precision=_own_precision(config, resources))
    _check_weights(run, config, resources)
    trained = [n for n, found in config.backbones.items() if any(b["source"] == TRAINED for b in found)]
    # What was trained in the run lies in the run: no file of weights is needed for it.
    recipe = changed(config.recipe, {f"streams.{name}.weights": "none" for name in trained})
    streams = load_streams(recipe.streams, resources, weight_hints(config))
    for name in trained:
        for i, backbone in enumerate(streams[name].backbones):
            _fill(backbone.module.load_state_dict, state, f"backbone-{name}-{i}", run)
        streams[name] = streams[name].with_backbones([b.module for b in streams[name].backbones])
    streams = with_networks(run, config, streams)
    check_backbones(config, {name: [b.digest for b in s.backbones] for name, s in streams.items()})
    model = build_recognizer(config.recipe, {n: s.dim for n, s in streams.items()}, len(config.labels))
    _fill(model.load_tensors, state, "recognizer", run)
    model.eval().requires_grad_(False)
    return LoadedRun(run, config, streams, SequencePredictor(config.labels, model))


def _own_precision(config: RunConfig, resources: Resources) -> Precision:
    """What the run's features were computed in; fp32 in place of a bf16 that is not to be had here."""
    own: Precision = config.data.get("precision", "fp32")
    if own == "bf16":
        try:
            choose(replace(resources, precision=own))
        except UsageError as error:
            tell(f"the run was trained in bf16, and is used in fp32: {str(error).partition(';')[0]}")
            return "fp32"
    return own


def _check_weights(run: str | Path, config: RunConfig, resources: Resources) -> None:
    published = [b for found in config.backbones.values() for b in found if Path(b["source"]).is_absolute()]
    if resources.random and published:
        raise UsageError(
            f"run {run} was trained with published weights ({published[0]['name']}); "
            "leave --weights none out, or give the folder where they are"
        )


def _fill(
    load: Callable[[dict[str, torch.Tensor]], Any],
    state: Mapping[str, torch.Tensor],
    part: str,
    run: str | Path,
) -> None:
    try:
        load({k.removeprefix(f"{part}."): v for k, v in state.items() if k.startswith(f"{part}.")})
    except (RuntimeError, ValueError):
        raise UsageError(
            f"{run}/model.safetensors does not fit the run's config.yaml ({part}); train it again"
        ) from None
