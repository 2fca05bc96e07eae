"""Recipes by name, from a YAML file or from plain data, with `key.path=value` overrides."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import ValidationError

from ..backbones.libraries.entry import PUBLISHED, STANDS_FOR_PUBLISHED, library_of
from ..errors import UsageError
from ..resources import Resources
from ..shipped import recipe_names, recipe_text
from ..streams import StreamSettings
from ..weights.hub import look_in
from .explain import did_you_mean, explain, kinds_at
from .schema import Recipe

# Older spellings of keys, still read in files, plain data and overrides.
RENAMED = {"temporal.cell": "temporal.kind"}


def load_recipe(
    recipe: str | Path | Mapping[str, Any] | Recipe,
    overrides: Iterable[str] = (),
    values: Iterable[tuple[str, Any]] = (),
) -> Recipe:
    """A recipe by name, from a YAML file or from plain data, with `key.path=value` overrides applied.

    `values` are overrides as pairs of a key's path and a value; later ones win. Raises
    `UsageError` with the key's path and the allowed values.
    """
    if isinstance(recipe, Recipe):
        raw = recipe.model_dump(mode="json")
    else:
        raw = _copied(recipe) if isinstance(recipe, Mapping) else _read(recipe)
    return _validated(raw, [*map(parse_override, overrides), *values])


def resolve(
    recipe: str | Path | Mapping[str, Any] | Recipe, overrides: Iterable[str], resources: Resources
) -> Recipe:
    """The recipe with overrides applied; `weights="none"` asks for random values in every stream.

    What the recipe leaves to training is decided here, so that the run's config.yaml says it: features are
    standardised where they are a random projection, nothing loaded and nothing trained.
    """
    look_in(resources.folder, offline=resources.offline)  # a model's configuration says what it takes
    resolved = load_recipe(recipe, overrides)
    if resources.random:
        random = {n: s.without_weights() for n, s in resolved.streams.items()}
        values = {f"streams.{n}.{key}": value for n, keys in random.items() for key, value in keys.items()}
        resolved = changed(resolved, values)
    named = [n for n, stream in resolved.streams.items() if _names_its_weights(stream)]
    resolved = changed(resolved, {f"streams.{n}.weights": PUBLISHED for n in named})
    left_open = {n: s for n, s in resolved.streams.items() if s.standardize is None}
    decided = {n: s.weights == "none" and s.on_stored_features for n, s in left_open.items()}
    return changed(resolved, {f"streams.{n}.standardize": value for n, value in decided.items()})


def _names_its_weights(stream: StreamSettings) -> bool:
    """Whether `weights` is left over from a backbone that models of libraries have replaced."""
    return stream.weights in STANDS_FOR_PUBLISHED and all(library_of(name) for name in stream.backbones)


def changed(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """The recipe with values set by their key's path: `changed(recipe, {"data.classes": 7})`.

    `streams.X: None` leaves a stream out. A new `kind` drops the keys that only the old one has. Raises
    `UsageError` as `load_recipe` does.
    """
    return _validated(recipe.model_dump(mode="json"), changes.items())


def _validated(raw: dict[str, Any], changes: Iterable[tuple[str, Any]]) -> Recipe:
    _rename(raw)
    changes = [(RENAMED.get(path, path), value) for path, value in changes]
    for path, value in changes:
        _drop_keys_of_the_old_kind(raw, path, value)
    before = _flow_method(raw)
    for path, value in changes:
        _set(raw, path, value)
    _rename(raw)
    _name_motion(raw, _flow_method(raw) or before)
    _leave_out_streams(raw)
    try:
        return Recipe.model_validate(raw)
    except ValidationError as error:
        raise UsageError(f"recipe {raw.get('name', 'of plain data')!s}: {explain(error)}") from None


def _leave_out_streams(raw: dict[str, Any]) -> None:
    """`--set streams.rgb=null` leaves a stream out, and what the temporal model has for it alone."""
    streams, own = raw.get("streams"), (raw.get("temporal") or {}).get("statistics_of")
    for name in [n for n, stream in streams.items() if stream is None] if isinstance(streams, dict) else []:
        del raw["streams"][name]
        if isinstance(own, dict):
            own.pop(name, None)


def _copied(value: Any) -> Any:
    return {key: _copied(part) for key, part in value.items()} if isinstance(value, Mapping) else value


def _read(recipe: str | Path) -> dict[str, Any]:
    name = str(recipe)
    if name in recipe_names():
        text = recipe_text(name)
    elif Path(name).suffix in {".yaml", ".yml"}:
        try:
            text = Path(name).read_text(encoding="utf-8")
        except OSError as error:
            raise UsageError(f"cannot read recipe file {name}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise UsageError(f"recipe file {name} is not UTF-8 text; save it as UTF-8") from None
    else:
        raise UsageError(
            f"unknown recipe '{name}'{did_you_mean(name, recipe_names())}; "
            f"choose one of {', '.join(recipe_names())}, or give a .yaml file"
        )
    try:
        raw = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise UsageError(f"recipe {name} is not valid YAML: {error}") from None
    if not isinstance(raw, dict):
        raise UsageError(f"recipe {name} must be a mapping with `streams`; see `kinema recipes lite`")
    return raw


def _rename(raw: dict[str, Any]) -> None:
    for old, new in RENAMED.items():
        *parents, last = old.split(".")
        section, name = _section(raw, parents), new.rpartition(".")[2]
        if section is not None and last in section and name not in section:
            section[name] = section.pop(last)


def _flow_method(raw: dict[str, Any]) -> dict[str, Any] | None:
    """The method and weights of the recipe's flow stream, as adaptive sampling names them."""
    streams = _section(raw, ["streams"]) or {}
    for stream in streams.values():
        if isinstance(stream, dict) and stream.get("input") == "flow":
            return {"motion": stream.get("method"), "weights": stream.get("flow_weights", "published")}
    return None


def _name_motion(raw: dict[str, Any], method: dict[str, Any] | None) -> None:
    """`motion: flow` becomes the flow stream's method, so that what one stream sees depends on no other."""
    for name in _section(raw, ["streams"]) or {}:
        sampling = _section(raw, ["streams", name, "sampling"])
        if sampling and sampling.get("motion") == "flow" and method:
            sampling |= method


def _section(raw: dict[str, Any], keys: list[str]) -> dict[str, Any] | None:
    section: Any = raw
    for key in keys:
        section = section.get(key) if isinstance(section, dict) else None
    return section if isinstance(section, dict) else None


def _drop_keys_of_the_old_kind(raw: dict[str, Any], path: str, value: Any) -> None:
    """Where `path` chooses another kind of a section, remove the keys that only other kinds have."""
    *parents, last = path.split(".")
    section = _section(raw, parents)
    kinds = kinds_at(parents, last)
    if section is None or not isinstance(value, str) or value not in kinds or section.get(last) == value:
        return
    others = {key for keys in kinds.values() for key in keys} - kinds[value]
    for key in others & section.keys():
        del section[key]


def _set(raw: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split(".")
    node = raw
    for key in parents:
        child = node.get(key)
        if child is None:
            child = node[key] = {}
        if not isinstance(child, dict):
            raise UsageError(f"{path}: '{key}' is a value, not a section; set {key} itself")
        node = child
    node[last] = _copied(value)


def parse_override(override: str) -> tuple[str, Any]:
    """`key.path=value` as the key's path and its value, read as YAML. Raises `UsageError`."""
    path, sign, text = override.partition("=")
    if not sign or not path:
        raise UsageError(f"--set {override}: write it as key.path=value, for example temporal.units=512")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise UsageError(f"--set {override}: the value is not valid YAML") from None
    if isinstance(value, str):  # YAML 1.1 reads 1e-3 as text
        try:
            return path, float(value)
        except ValueError:
            return path, value
    return path, value


def paper_count(recipe: Recipe) -> int | None:
    """The paper's trainable parameters, where the architecture is one that the paper counts; else None.

    The counts are those of the shipped recipe of this name, whatever the recipe at hand says of its paper.
    """
    return _count_among(recipe, "counts")


def derived_count(recipe: Recipe) -> int | None:
    """Our derivation of the trainable parameters where the paper prints no count; else None."""
    return _count_among(recipe, "derived")


def _count_among(recipe: Recipe, kind: Literal["counts", "derived"]) -> int | None:
    if recipe.name not in recipe_names():
        return None
    shipped = load_recipe(recipe.name)
    for count in getattr(shipped.paper, kind, ()):
        if _architecture(recipe) == _architecture(changed(shipped, count.set)):
            return count.trainable_parameters
    return None


def _architecture(recipe: Recipe) -> tuple[Any, ...]:
    """Everything that decides the trained network's layers."""
    streams = {name: (stream.backbones, stream.features) for name, stream in recipe.streams.items()}
    return streams, recipe.encoder, recipe.temporal, recipe.fusion, recipe.classifier, recipe.data.classes
