"""What the pages say is there: links, verbs, options, and the values that --set takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from kinema.cli.app import app
from kinema.recipe import load_recipe
from kinema.resources import Resources
from kinema.studies.cells import plan_rows
from kinema.studies.load import load_study

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
# Whose commands need their own diffs, or package: tests/test_plugins.py installs that.
OWN_CODE = ("CONTRIBUTING.md", "plugins.md")
MANUAL = [page for page in PAGES if page.name not in OWN_CODE]
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and the site make them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        linked = page.parent / name if name else page
        assert linked.is_file(), f"{page.name}: {target}"
        assert not anchor or anchor in anchors(linked), f"{page.name}: {target}"


def commands(page: Path) -> list[list[str]]:
    """The calls of kinema in a page's blocks, as words."""
    blocks = "\n".join(FENCE.findall(page.read_text(encoding="utf-8"))).replace("\\\n", " ")
    lines = [line.split(" #")[0].split(" > ")[0].rstrip("& ") for line in blocks.splitlines()]
    return [shlex.split(line) for line in lines if line.startswith("kinema ")]


CALLS = [call for page in MANUAL for call in commands(page)]


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_commands_are_there(call: list[str]) -> None:
    command, words = get_command(app), call[1:]
    while hasattr(command, "commands"):  # a group: its next word is a verb
        command, words = command.commands[words[0]], words[1:]
    known = {name for parameter in command.params for name in parameter.opts + parameter.secondary_opts}
    assert {word for word in words if word.startswith("-")} <= known
    changes = [words[i + 1] for i, word in enumerate(words) if word == "--set"]
    if call[1] == "study":
        if not words[0].startswith("-") and not words[0].endswith(".yaml"):
            plan_rows(load_study(words[0]), changes, Resources(weights="none"))
        return
    recipe = words[words.index("--recipe") + 1] if "--recipe" in words else words[0] if words else ""
    if changes:
        load_recipe(recipe, changes)


def test_commands_are_found() -> None:
    assert {call[1] for call in CALLS} >= {"scan", "train", "predict", "recipes", "backbones", "anomaly"}
