"""A run: a trained recipe in a folder. Prediction needs it and the backbone weights, nothing else.

Loading executes no code: YAML, JSON and safetensors only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from .atomic import atomic_open, write_text
from .errors import UsageError
from .recipe import Recipe, load_recipe

RUN_VERSION = 2


@dataclass(frozen=True, slots=True)
class RunConfig:
    """What `config.yaml` holds.

    `backbones` lists, per stream, what was used: name, features, weights digest, source. `data` holds facts
    of the training data.
    """

    recipe: Recipe
    labels: tuple[str, ...]
    backbones: dict[str, list[dict[str, str]]]
    data: dict[str, Any] = field(default_factory=dict)


def save_run(folder: Path, config: RunConfig, state: Mapping[str, Tensor]) -> None:
    """Write `config.yaml` and `model.safetensors`, each atomically."""
    plain = {
        "kinema_run": RUN_VERSION,
        "labels": list(config.labels),
        "backbones": config.backbones,
        "data": config.data,
        "recipe": config.recipe.model_dump(mode="json"),
    }
    tensors = {name: value.detach().cpu().contiguous() for name, value in state.items()}
    with atomic_open(folder / "model.safetensors", "wb") as file:
        file.write(save(tensors, metadata={"kinema_run": str(RUN_VERSION)}))
    write_text(folder / "config.yaml", yaml.safe_dump(plain, sort_keys=False, allow_unicode=True))


def load_run(folder: str | Path) -> tuple[RunConfig, dict[str, Tensor]]:
    """Read a run. Raises `UsageError` where the folder is not a run, is damaged or of another version."""
    folder = Path(folder)
    config = _load_config(folder)
    try:
        return config, load_file(folder / "model.safetensors")
    except (OSError, SafetensorError) as error:
        raise UsageError(
            f"run {folder} has no readable model.safetensors ({error}); train it again"
        ) from None


def _load_config(folder: Path) -> RunConfig:
    try:
        raw = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError):
        raise UsageError(
            f"{folder} is not a run folder (no readable config.yaml); make one with `kinema train`"
        ) from None
    if not isinstance(raw, dict) or "kinema_run" not in raw:
        raise UsageError(f"{folder}/config.yaml is not a run's; make one with `kinema train`")
    try:
        if int(raw["kinema_run"]) == RUN_VERSION:
            return _config(raw)
    except (KeyError, TypeError, ValueError, AttributeError, UsageError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise UsageError(f"{folder}/config.yaml is damaged ({reason}); train the run again") from None
    newer = int(raw["kinema_run"]) > RUN_VERSION
    made, cure = ("a newer", "update Kinema to use it") if newer else ("an older", "train it again")
    raise UsageError(f"run {folder} was made by {made} Kinema (format {raw['kinema_run']}); {cure}")


def _config(raw: Mapping[str, Any]) -> RunConfig:
    if not isinstance(raw["recipe"], dict):
        raise TypeError("recipe is not a mapping")
    recipe = load_recipe(raw["recipe"])
    backbones = raw["backbones"]
    if {name: len(found) for name, found in backbones.items()} != {
        name: len(stream.backbones) for name, stream in recipe.streams.items()
    }:
        raise ValueError("backbones are not those of the recipe")
    return RunConfig(recipe, tuple(str(label) for label in raw["labels"]), backbones, raw.get("data", {}))


def weight_hints(config: RunConfig) -> dict[str, list[Path]]:
    """Files that the run's backbones came from, per stream, for the look-up of weights."""
    return {stream: [Path(b["source"]) for b in backbones] for stream, backbones in config.backbones.items()}


def check_backbones(config: RunConfig, found: Mapping[str, list[str]]) -> None:
    """Refuse backbones whose weights are not those the run was trained with (digests per stream)."""
    for stream, backbones in config.backbones.items():
        for backbone, digest in zip(backbones, found[stream], strict=True):
            if backbone["digest"] != digest:
                raise UsageError(
                    f"stream {stream}: the weights of {backbone['name']} are not those of the run "
                    f"({backbone['source']}); give their folder with --weights"
                )


def flat_state(modules: Mapping[str, torch.nn.Module]) -> dict[str, Tensor]:
    """The tensors of several modules in one dictionary, names prefixed by `<module>.`."""
    return {f"{prefix}.{name}": t for prefix, m in modules.items() for name, t in m.state_dict().items()}
