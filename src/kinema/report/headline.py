"""The top of the report: accuracy with its interval, the baselines, and the warnings."""

from collections.abc import Mapping
from typing import Any

from . import markup
from .data import Comparison, ReportData
from .timeline import timeline_headline

TOO_FEW_GROUPS = "too few groups for an interval: test videos of five groups or more would give one"
_SPLIT_WORDS = {"test": "held-out", "val": "validation", "train": "training"}


def result_section(data: ReportData) -> str:
    """Accuracy in large, its interval on a ruler beside the baselines, and the further scores."""
    metrics = data.metrics
    if "f1_50" in metrics:
        return timeline_headline(metrics)
    accuracy = markup.finite(metrics.get("accuracy"))
    if accuracy is None:
        return ""
    return (
        f'<section id="result"><div class="headline"><p class="big">{markup.percent(accuracy)}</p>'
        f'<p class="lead">{_sentence(data)}{_measured(metrics)}</p></div>{_ruler(metrics)}'
        f"{_tiles(data)}</section>"
    )


def _sentence(data: ReportData) -> str:
    """'of 117 held-out clips recognised; 95 % interval ...; always guessing the largest class: 18.8 %.'"""
    metrics = data.metrics
    kind = _SPLIT_WORDS.get(str(metrics.get("split", "test")), "held-out")
    text = f"of <b>{markup.plural(data.tested, f'{kind} clip')}</b> recognised"
    interval = _interval(metrics)
    if interval:
        text += f", 95\u202f% interval {markup.percent(interval[0])} to {markup.percent(interval[1])}"
    elif "ci95" in metrics:
        text += f"; {TOO_FEW_GROUPS}"
    majority = markup.finite(metrics.get("majority_baseline"))
    if majority:
        text += f"; always guessing the largest class: <b>{markup.percent(majority)}</b>"
    return f"{text}."


def _measured(metrics: Mapping[str, Any]) -> str:
    """How folds measured what the saved model, trained on all videos, may be expected to reach."""
    text = metrics.get("protocol", {}).get("said", "")
    return f'<span class="measured">{markup.escape(text[:1].upper() + text[1:])}.</span>' if text else ""


def _interval(metrics: Mapping[str, Any]) -> tuple[float, float] | None:
    ends = [end for end in map(markup.finite, metrics.get("ci95") or ()) if end is not None]
    return (ends[0], ends[1]) if len(ends) == 2 else None


def _ruler(metrics: Mapping[str, Any]) -> str:
    """A 0 to 100 % scale with the result, its interval and the largest class's share."""
    accuracy = markup.finite(metrics.get("accuracy")) or 0.0
    interval, majority = _interval(metrics), markup.finite(metrics.get("majority_baseline"))
    band = base = tag = ""
    if interval:
        left, width = 100 * interval[0], 100 * (interval[1] - interval[0])
        band = f'<span class="band" style="left:{left:.2f}%;width:{width:.2f}%"></span>'
    if majority:
        base = f'<span class="base" style="left:{100 * majority:.2f}%"></span>'
        tag = f'<span class="base-tag" style="--at:{100 * majority:.2f}%">largest class</span>'
    scale = "".join(f'<span class="tick" style="left:{at}%">{at}</span>' for at in (0, 25, 50, 75, 100))
    return (
        f'<div class="ruler" aria-hidden="true">{tag}<div class="track">{base}{band}'
        f'<span class="dot" style="left:{100 * accuracy:.2f}%"></span></div>{scale}</div>'
    )


def _tiles(data: ReportData) -> str:
    metrics, classes = data.metrics, len(data.labels)
    tiles = [("mean over classes", markup.percent(metrics.get("mean_class_accuracy")))]
    for k in (3, 5):
        if classes > k:
            tiles.append((f"right answer in the top {k}", markup.percent(metrics.get(f"top{k}"))))
    if classes:
        tiles.append(("classes", markup.count(classes)))
    if data.cost is not None and data.cost.stages:
        tiles.append(("all stages together", markup.duration(sum(data.cost.stages.values()))))
    shown = "".join(f"<div><dd>{value}</dd><dt>{label}</dt></div>" for label, value in tiles if value != "–")
    return f'<dl class="tiles">{shown}</dl>'


def warning_list(data: ReportData) -> str:
    """The warnings, random weights first."""
    items = [
        f"<li><b>Random weights:</b> {markup.name(backbone)} was never trained on anything. "
        "These scores say nothing about what the recipe can do with pretrained weights.</li>"
        for backbone in data.random_backbones
    ]
    items += [f"<li>{markup.escape(text)}</li>" for text in data.warnings]
    if not items:
        return ""
    title = "Before you trust the numbers"
    return f'<aside class="warnings" aria-label="Warnings"><h2>{title}</h2><ul>{"".join(items)}</ul></aside>'


def comparisons(metrics: Mapping[str, Any]) -> tuple[Comparison, ...]:
    """The run, the run on shuffled frames, and the answer that needs no model; columns for each subset.

    `metrics` is metrics.json's content. A subset without test videos has no column.
    """
    subsets = {k: v for k, v in metrics.get("subsets", {}).items() if v["n_test"]}

    def row(name: str, key: str, note: str) -> Comparison:
        accuracy = {"all": metrics[key]}
        for subset, own in subsets.items():
            accuracy |= {subset: own[key], f"{subset}, among themselves": own[f"{key}_among"]}
        return Comparison(name, accuracy, note, ours=key == "accuracy")

    chance = {f"{subset}, among themselves": own["chance_among"] for subset, own in subsets.items()}
    return (
        row("this run", "accuracy", "frames in order"),
        row("frames shuffled", "shuffled_accuracy", "the same model, steps of each video in random order"),
        Comparison(
            "always the largest class",
            {"all": metrics["majority_baseline"]} | chance,
            f"«{metrics['majority_class']}»; among themselves: chance",
        ),
    )


def comparison_section(comparisons: tuple[Comparison, ...]) -> str:
    """Accuracy of the run and of the baselines, over all clips and over subsets of them."""
    if not comparisons:
        return ""
    columns = list(dict.fromkeys(column for row in comparisons for column in row.accuracy))
    head = "".join(f'<th scope="col">{markup.name(column)}</th>' for column in columns)
    body = "".join(_comparison_row(row, columns) for row in comparisons)
    return (
        '<section id="baselines"><h2>Compared with baselines</h2>'
        '<p class="intro">The run beside baselines. Accuracy that a baseline reaches '
        "too was not learned from motion or order.</p>"
        f'<div class="scroll"><table class="compare"><thead><tr><th scope="col">answer</th>{head}'
        f"</tr></thead><tbody>{body}</tbody></table></div></section>"
    )


def _comparison_row(row: Comparison, columns: list[str]) -> str:
    cells = "".join(_meter(markup.finite(row.accuracy.get(column))) for column in columns)
    note = f'<span class="note">{markup.escape(row.note)}</span>' if row.note else ""
    kind = ' class="ours"' if row.ours else ""
    return f'<tr{kind}><th scope="row">{markup.name(row.name)}{note}</th>{cells}</tr>'


def _meter(value: float | None) -> str:
    if value is None:
        return "<td>–</td>"
    bar = f'<span class="bar"><i style="width:{100 * value:.1f}%"></i></span>'
    return f'<td><span class="num">{markup.percent(value)}</span>{bar}</td>'
