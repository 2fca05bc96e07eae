"""Sets of real clips for the scripts here: the arguments that name them, and their features."""

from __future__ import annotations

import argparse
from pathlib import Path

from kinema.datasets import load_dataset
from kinema.extraction.extracted import Extracted
from kinema.extraction.loaded import load_streams
from kinema.recipe import load_recipe
from kinema.resources import Resources
from kinema.workflows.context import Context
from kinema.workflows.events import Events
from kinema.workflows.extract import extract_streams


def set_arguments(doc: str | None) -> argparse.ArgumentParser:
    """A parser of SET..., --weights and --features, described by a script's docstring."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", type=Path, nargs="+", metavar="SET")
    parser.add_argument("--weights", type=Path, help="folder with mobilenet_v2's weights")
    parser.add_argument("--features", type=Path, help="feature store")
    return parser


def extracted_set(root: Path, recipe: str, resources: Resources, events: Events) -> Extracted:
    """The features of a recipe on all videos of a set; official splits are left out."""
    context = Context(resources, events)
    streams = load_streams(load_recipe(recipe).streams, resources)
    dataset = context.identified(load_dataset(root, split=None))
    return extract_streams(dataset.records, streams, context)
