"""`kinema evaluate`: a run's figures on a data folder."""

from __future__ import annotations

from .console import ConsoleEvents, print_json
from .options import (
    DataArgument,
    DeviceOption,
    FeaturesOption,
    JsonOption,
    LayoutOption,
    RunArgument,
    SplitOption,
    WeightsOption,
)

NAME = "evaluate"
HELP = """Measure a run on the test split of a data folder (on all of it where it has no split).

Example: kinema evaluate run videos --json"""


def command(
    run: RunArgument,
    data: DataArgument,
    layout: LayoutOption = "auto",
    split: SplitOption = 1,
    weights: WeightsOption = None,
    features: FeaturesOption = None,
    device: DeviceOption = "auto",
    json: JsonOption = False,
) -> None:
    """See HELP."""
    from ..workflows.evaluate import evaluate
    from .train import show_metrics

    with ConsoleEvents() as events:
        metrics = evaluate(
            run,
            data,
            layout=layout,
            split=split,
            weights=weights,
            features=features,
            device=device,
            events=events,
        )
    if json:
        print_json(metrics)
    else:
        show_metrics(metrics)
