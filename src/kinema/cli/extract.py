"""`kinema extract`: fill the feature store."""

from __future__ import annotations

from .console import ConsoleEvents, print_json
from .options import (
    DataArgument,
    DeviceOption,
    FeaturesOption,
    JsonOption,
    LayoutOption,
    RecipeOption,
    SetOption,
    SplitOption,
    WeightsOption,
    WorkersOption,
)

NAME = "extract"
HELP = """Fill the feature store. Safe to stop at any moment and to start again; several may share a store.

Example: kinema extract videos --recipe lite --features features"""


def command(
    data: DataArgument,
    recipe: RecipeOption = "lite",
    features: FeaturesOption = None,
    layout: LayoutOption = "auto",
    split: SplitOption = 1,
    weights: WeightsOption = None,
    set_: SetOption = None,
    workers: WorkersOption = None,
    device: DeviceOption = "auto",
    json: JsonOption = False,
) -> None:
    """See HELP."""
    from ..workflows.extract import extract_dataset

    with ConsoleEvents() as events:
        result = extract_dataset(
            data,
            recipe=recipe,
            overrides=set_ or (),
            features=features,
            layout=layout,
            split=split,
            weights=weights,
            workers=workers,
            device=device,
            events=events,
        )
        if not json:
            for name, counts in result["streams"].items():
                events.note(
                    f"{name}: {counts['extracted']} extracted, {counts['reused']} already there, "
                    f"{counts['seconds']:.1f} s"
                )
            events.note(f"{result['quarantined']} quarantined, {result['absent']} listed but absent")
            events.note(f"features: {result['features']}")
    if json:
        print_json(result)
