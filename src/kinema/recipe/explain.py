"""A recipe's validation error as one line: the key's path, what is wrong, what is allowed."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError

from .schema import Recipe

Models = list[type[BaseModel]]


def explain(error: ValidationError, root: type[BaseModel] = Recipe) -> str:
    """The first error in one line; `root` is the model that was validated."""
    first = error.errors(include_url=False)[0]
    keys, models = _walk(first["loc"], root)
    where = ".".join(keys) or root.__name__.lower()
    if first["type"] == "extra_forbidden":
        names = sorted({name for model in models for name in model.model_fields})
        return f"unknown key '{where}'{did_you_mean(keys[-1], names)}; allowed here: {', '.join(names)}"
    given, context = first.get("input"), first.get("ctx", {})
    message = first["msg"].removeprefix("Value error, ")
    if first["type"].startswith("union_tag"):
        key = context["discriminator"].strip("'")
        given, where = context.get("tag"), f"{where}.{key}"
        *others, last = [repr(kind) for model in models for kind in _kinds(model, key)]
        message = f"Input should be {', '.join(others)} or {last}"
    shown = f", got {given!r}" if isinstance(given, str | int | float | bool) else ""
    return f"{where}: {message}{shown}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` (did you mean 'units'?)` where a known word is near; else nothing.

    >>> did_you_mean("unit", ["units", "layers"]), did_you_mean("unit", ["epochs"])
    (" (did you mean 'units'?)", '')
    """
    near = get_close_matches(word, list(known), n=1)
    return f" (did you mean '{near[0]}'?)" if near else ""


def kinds_at(parents: Iterable[str], key: str) -> dict[Any, set[str]]:
    """The kinds that a section's `key` chooses among, each with its keys; empty where it chooses nothing."""
    _, models = _walk(parents, Recipe)
    return {kind: set(model.model_fields) for model in models for kind in _kinds(model, key)}


def _walk(path: Iterable[str | int], root: type[BaseModel]) -> tuple[list[str], Models]:
    """The keys of an error's path, without the names that pydantic gives to parts of a union, and the models
    whose fields lie at its end.
    """
    keys: list[str] = []
    models: Models = [root]
    # Whether the next part is a name of the user's (a stream); whether fields have ended.
    named = leaf = False
    for part in path:
        fields = [m.model_fields[str(part)].annotation for m in models if part in m.model_fields]
        if named or isinstance(part, int):
            keys.append(str(part))
            named = False
        elif fields and not leaf:
            keys.append(part)
            named = any(get_origin(annotation) is dict for annotation in fields)
            found = [model for annotation in fields for model in _models_in(annotation)]
            models, leaf = found or models, not found
        elif len(models) > 1 and (chosen := [m for m in models if part in _tags(m)]):
            models = chosen
        elif not leaf:
            keys.append(part)
    return keys, models


def _kinds(model: type[BaseModel], key: str) -> tuple[Any, ...]:
    field = model.model_fields.get(key)
    values = get_args(field.annotation) if field and get_origin(field.annotation) is Literal else ()
    return values if len(values) == 1 else ()


def _tags(model: type[BaseModel]) -> set[Any]:
    return {kind for key in model.model_fields for kind in _kinds(model, key)}


def _models_in(annotation: Any) -> Models:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]
