"""`kinema evaluate`: a run's figures on a data folder."""

from ..resources import Resources
from .console import ConsoleEvents, print_json
from .options import STORING, DataArgument, JsonOption, LayoutOption, RunArgument, SplitOption, with_resources


@with_resources(*STORING)
def command(
    resources: Resources,
    run: RunArgument,
    data: DataArgument,
    layout: LayoutOption = "auto",
    split: SplitOption = 1,
    json: JsonOption = False,
) -> None:
    """Measure a run on the test split of a data folder (on all of it where it has no split).

    Example: kinema evaluate run videos --json
    """
    from ..workflows.evaluate import evaluate
    from .train import show_metrics

    with ConsoleEvents() as events:
        metrics = evaluate(run, data, layout=layout, split=split, resources=resources, events=events)
    if json:
        print_json(metrics)
    else:
        show_metrics(metrics)
