"""The recipes that ship with Kinema as they are written, without the schema that checks a recipe."""

from importlib.resources import files
from typing import Any

import yaml


def recipe_names() -> list[str]:
    """Names of the recipes that ship with Kinema, sorted."""
    folder = files("kinema") / "recipes"
    return sorted(f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith(".yaml"))


def recipe_text(name: str) -> str:
    """The YAML of one of `recipe_names()`."""
    return (files("kinema") / "recipes" / f"{name}.yaml").read_text(encoding="utf-8")


def recipe_list() -> list[dict[str, Any]]:
    """`name`, `summary` and `paper` (its title, or words in its place; None without one) of each recipe."""
    # LibYAML, where PyYAML was built with it: the texts are our own.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found = [yaml.load(recipe_text(name), loader) for name in recipe_names()]
    return [{"name": raw["name"], "summary": raw["summary"], "paper": _paper(raw)} for raw in found]


def _paper(raw: dict[str, Any]) -> str | None:
    paper = raw.get("paper")
    return paper_shown(paper.get("title"), paper.get("opening", "")) if paper else None


def paper_shown(title: str | None, opening: str) -> str:
    """The title or, where it is not known, how the abstract begins."""
    return title or f"a paper of unknown title, whose abstract begins: {opening}"
