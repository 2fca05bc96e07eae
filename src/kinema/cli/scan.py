"""`kinema scan`: what is in a data folder."""

from .console import ConsoleEvents, print_json
from .options import DataArgument, JsonOption, LayoutOption, SplitOption

NAME = "scan"
HELP = """Counts, lengths, sound, broken files, duplicates and leaks of a data folder.

Example: kinema scan videos --json"""


def command(
    data: DataArgument, layout: LayoutOption = "auto", split: SplitOption = 1, json: JsonOption = False
) -> None:
    """See HELP."""
    from ..workflows.scan import scan
    from .show_scan import show_scan

    with ConsoleEvents() as events:
        report = scan(data, layout=layout, split=split, events=events)
    if json:
        print_json(report.to_dict())
    else:
        show_scan(report)
