"""The report's section on the learning curve: would more videos help?"""

from collections.abc import Mapping
from typing import Any

from .data import Lines, Section, Series, Table
from .markup import percent


def learning_curve_section(metrics: Mapping[str, Any]) -> Section:
    """The curve of metrics with `learning_curve` and `more_videos`, and one sentence on what it means."""
    points, found = metrics["learning_curve"], metrics["more_videos"]
    series = Series("accuracy", [p["n_train"] for p in points], [p["accuracy"] for p in points])
    plot = Lines("Accuracy by number of training videos", "training videos", (series,), percent=True)
    rows = [(p["n_train"], percent(p["accuracy"]), percent(p["std"])) for p in points]
    table = Table("", ("training videos", "accuracy", "standard deviation over draws"), rows)
    return Section("Would more videos help?", _sentence(points, found), (plot, table), "More videos")


def _sentence(points: list[Mapping[str, Any]], found: Mapping[str, Any]) -> str:
    few, many = (point["n_train"] for point in points[-2:])
    gain, error = 100 * found["gain"], 100 * found["error"]
    change = f"From {few} to {many} training videos accuracy changed by {gain:+.1f} ± {error:.1f} points"
    meaning = {
        "yes": "it was still rising, and more videos will probably help",
        "no": "the curve is flat, and more videos of the same kind will probably add little",
        "unclear": "that is too uncertain to tell whether more videos would help",
    }[found["answer"]]
    head = "" if found["head"] == "own" else " Measured with statistics over time and a linear classifier in"
    tail = " place of the recipe's own head, which takes longer to train." if head else ""
    return f"{change}: {meaning}.{head}{tail}"
