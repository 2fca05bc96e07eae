"""Recipes by name, from a YAML file or from plain data, with `key.path=value` overrides.

Unknown keys, wrong types and impossible combinations are refused with the key's path and the allowed values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from ..errors import UsageError
from .schema import Recipe


def recipe_names() -> list[str]:
    """Names of the recipes that ship with Kinema, sorted."""
    folder = resources.files("kinema") / "recipes"
    return sorted(f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith(".yaml"))


def load_recipe(recipe: str | Path | Mapping[str, Any] | Recipe, overrides: Iterable[str] = ()) -> Recipe:
    """A recipe by name, from a YAML file or from plain data, with `key.path=value` overrides applied.

    Raises `UsageError` with the key's path and the allowed values.
    """
    if isinstance(recipe, Recipe):
        raw = recipe.model_dump(mode="json")
    elif isinstance(recipe, Mapping):
        raw = yaml.safe_load(yaml.safe_dump(dict(recipe)))
    else:
        raw = _read(recipe)
    for override in overrides:
        _override(raw, override)
    if isinstance(raw.get("streams"), dict):  # `--set streams.rgb=null` leaves a stream out
        raw["streams"] = {name: stream for name, stream in raw["streams"].items() if stream is not None}
    try:
        return Recipe.model_validate(raw)
    except ValidationError as error:
        raise UsageError(f"recipe {raw.get('name', recipe)!s}: {_explain(error)}") from None


def _read(recipe: str | Path) -> dict[str, Any]:
    name = str(recipe)
    if name in recipe_names():
        text = (resources.files("kinema") / "recipes" / f"{name}.yaml").read_text(encoding="utf-8")
    elif Path(name).suffix in {".yaml", ".yml"}:
        try:
            text = Path(name).read_text(encoding="utf-8")
        except OSError as error:
            raise UsageError(f"cannot read recipe file {name}: {error.strerror}") from None
    else:
        raise UsageError(
            f"unknown recipe '{name}'; choose one of {', '.join(recipe_names())}, or give a .yaml file"
        )
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"recipe {name} is not valid YAML: {error}") from None
    if not isinstance(raw, dict):
        raise UsageError(f"recipe {name} must be a mapping with `streams`; see `kinema recipes lite`")
    return raw


def _override(raw: dict[str, Any], override: str) -> None:
    path, sign, text = override.partition("=")
    if not sign or not path:
        raise UsageError(f"--set {override}: write it as key.path=value, for example temporal.units=512")
    *parents, last = path.split(".")
    node = raw
    for key in parents:
        child = node.get(key)
        if child is None:
            child = node[key] = {}
        if not isinstance(child, dict):
            raise UsageError(f"--set {override}: '{key}' is a value, not a section")
        node = child
    node[last] = _value(text, override)


def _value(text: str, override: str) -> Any:
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise UsageError(f"--set {override}: the value is not valid YAML") from None
    if isinstance(value, str):  # YAML 1.1 reads 1e-3 as text
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _explain(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    # Behind `sampling` the path holds the kind that was chosen, which is no key.
    keys = [p for i, p in enumerate(first["loc"]) if i == 0 or first["loc"][i - 1] != "sampling"]
    where = ".".join(str(p) for p in keys) or "recipe"
    if first["type"] == "extra_forbidden":
        return f"unknown key '{where}'; {_allowed(first['loc'])}"
    message = first["msg"].removeprefix("Value error, ")
    given = first.get("input")
    shown = f", got {given!r}" if isinstance(given, str | int | float | bool) else ""
    return f"{where}: {message}{shown}"


def _allowed(loc: tuple[int | str, ...]) -> str:
    """The keys that are allowed beside an unknown one, found by walking the models along its path."""
    models: list[type[BaseModel]] = [Recipe]
    for key in loc[:-1]:
        found: list[type[BaseModel]] = []
        for model in models:
            if key in model.model_fields:
                found += _models_in(model.model_fields[str(key)].annotation)
            elif model.model_fields.get("kind") and key == _kind_of(model):
                found.append(model)
        models = found or models
    names = sorted({name for model in models for name in model.model_fields})
    return f"allowed here: {', '.join(names)}"


def _kind_of(model: type[BaseModel]) -> str | None:
    values = get_args(model.model_fields["kind"].annotation)
    return str(values[0]) if len(values) == 1 else None


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for a in getattr(annotation, "__args__", ()) for m in _models_in(a)]
