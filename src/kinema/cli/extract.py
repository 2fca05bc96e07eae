"""`kinema extract`: fill the feature store."""

from ..resources import Resources
from . import options
from .console import ConsoleEvents, print_json
from .options import STORING, with_resources


@with_resources(*STORING)
def command(
    resources: Resources,
    data: options.DataArgument,
    recipe: options.RecipeOption = "lite",
    layout: options.LayoutOption = "auto",
    split: options.SplitOption = 1,
    set_: options.SetOption = None,
    cluster: options.ClusterOption = None,
    json: options.JsonOption = False,
) -> None:
    """Fill the feature store. Safe to stop at any moment and to start again; several may share a store.

    Example: kinema extract videos --recipe lite --features features
    """
    from ..workflows.extract import extract_dataset

    with ConsoleEvents() as events:
        result = extract_dataset(
            data,
            recipe=recipe,
            overrides=set_ or (),
            layout=layout,
            split=split,
            resources=resources,
            events=events,
            cluster=cluster,
        )
        if not json:
            for name, counts in result["streams"].items():
                events.result(
                    f"{name}: {counts['extracted']} extracted, {counts['reused']} already there, "
                    f"{counts['seconds']:.1f} s"
                )
            events.result(f"{result['quarantined']} quarantined, {result['absent']} listed but absent")
            events.result(f"features: {result['features']}")
    if json:
        print_json(result)
