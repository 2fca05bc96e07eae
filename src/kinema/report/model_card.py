"""`ReportData` -> README.md of a run: a model card with front matter, as model hubs read it."""

import re
from collections.abc import Mapping
from typing import Any

import yaml

from . import markup
from .data import DatasetFacts, ReportData
from .facts import cost_per_video


def model_card(data: ReportData) -> str:
    """The model card as Markdown with YAML front matter (`library_name`, `pipeline_tag`, metrics)."""
    parts = [
        _front_matter(data), f"# {_inline(data.title)}", _inline(data.summary), _result(data),
        _warnings(data), _usage(data), _classes(data), _training(data), _limits(data), _citation(data),
    ]  # fmt: skip
    return "\n\n".join(part for part in parts if part) + "\n"


def _inline(value: object) -> str:
    """One line of text with the special characters of Markdown and HTML escaped."""
    return re.sub(r"([\\`*_{}\[\]<>#|!~$&])", r"\\\1", markup.clean(value)).strip()


def _code(value: object) -> str:
    """Inline code; a name that holds backticks is fenced by more of them."""
    text = markup.clean(value)
    ticks = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    pad = " " if len(ticks) > 1 else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def _front_matter(data: ReportData) -> str:
    entries: dict[str, Any] = {
        "library_name": "kinema",
        "pipeline_tag": "video-classification",
        "tags": ["action-recognition", "video-classification", *filter(None, [markup.clean(data.recipe)])],
        "metrics": ["accuracy"],
    }
    if markup.finite(data.metrics.get("accuracy")) is not None:
        entries["model-index"] = [_index_entry(data)]
    return f"---\n{yaml.safe_dump(entries, sort_keys=False, allow_unicode=True)}---"


def _index_entry(data: ReportData) -> dict[str, Any]:
    keys = ("accuracy", "mean_class_accuracy", "top3", "top5")
    values = [(key, markup.finite(data.metrics.get(key))) for key in keys]
    dataset = markup.clean(data.dataset.root) if data.dataset else "unnamed"
    result = {
        "task": {"type": "video-classification"},
        "dataset": {"name": dataset, "type": dataset, "split": str(data.metrics.get("split", "test"))},
        "metrics": [{"type": key, "value": round(value, 4)} for key, value in values if value is not None],
    }
    return {"name": markup.clean(data.title), "results": [result]}


def _result(data: ReportData) -> str:
    metrics = data.metrics
    if "f1_50" in metrics:
        return _timeline_result(metrics)
    if markup.finite(metrics.get("accuracy")) is None:
        return "This run has not been evaluated yet."
    rows = [
        ("accuracy", metrics.get("accuracy")), ("mean over classes", metrics.get("mean_class_accuracy")),
        ("top 3", metrics.get("top3")), ("top 5", metrics.get("top5")),
        ("always guessing the largest class", metrics.get("majority_baseline")),
    ]  # fmt: skip
    lines = [f"| {name} | {_percent(value)} |" for name, value in rows if markup.finite(value) is not None]
    interval = [markup.finite(end) for end in metrics.get("ci95") or ()]
    if len(interval) == 2 and None not in interval:
        lines.insert(1, f"| 95 % interval | {_percent(interval[0])} to {_percent(interval[1])} |")
    count = markup.plural(data.tested, "clip").replace("\u202f", " ")
    split = _inline(metrics.get("split", "test"))
    said = f"On {count} of the {split} split."
    if "trained_on" in (protocol := metrics.get("protocol", {})):
        said = (
            f"On {count}, each tested by a model that was trained without it ({split}). The model here is"
            f" trained on all {protocol['trained_on']} videos."
        )
    return f"## Result\n\n{said}\n\n| | |\n|---|---:|\n" + "\n".join(lines)


def _timeline_result(metrics: Mapping[str, Any]) -> str:
    rows = {
        "segmental F1 at 50 % overlap": "f1_50", "edit score": "edit", "frame accuracy": "accuracy",
        "always background": "majority_baseline", "mean average precision of frames": "map_frame",
        "mAP at temporal overlaps 0.3 to 0.7": "map_tiou", "true segments missed": "missed",
    }  # fmt: skip
    lines = [f"| {name} | {_percent(metrics.get(key))} |" for name, key in rows.items()]
    lines.append(f"| false alarms an hour | {metrics['false_alarms_per_hour']:.1f} |")
    if metrics.get("delay_seconds"):
        lines.append(f"| mean delay of a report | {metrics['delay_seconds']['mean']:.2f} s |")
    said = f"On {metrics['n_test']} held-out videos of {60 * metrics['hours']:.0f} minutes."
    return f"## Result\n\n{said} Split: {_inline(metrics['split'])}.\n\n| | |\n|---|---:|\n" + "\n".join(
        lines
    )


def _percent(value: Any) -> str:
    return markup.percent(value).replace("\u202f", " ")


def _warnings(data: ReportData) -> str:
    items = [
        f"- **Random weights:** the backbone {_code(name)} was never trained."
        for name in data.random_backbones
    ]
    items += [f"- {_inline(text)}" for text in data.warnings]
    return "## Before you trust the numbers\n\n" + "\n".join(items) if items else ""


def _usage(data: ReportData) -> str:
    run = markup.clean(data.run)
    quoted = "'" + run.replace("'", "'\\''") + "'" if re.search(r"[^\w./-]", run) else run
    timeline = "f1_50" in data.metrics
    call = 'model.segments("video.mp4")' if timeline else 'model.predict("video.mp4").top(3)'
    return (
        "## Use\n\n```\n"
        f"kinema predict {quoted} video.mp4{' --timeline' if timeline else ''}\n"
        "```\n\n```python\nimport kinema\n\n"
        f"model = kinema.load({run!r})\n"
        f"print({call})\n```"
    )


def _classes(data: ReportData) -> str:
    labels = data.labels or (list(data.dataset.counts) if data.dataset else [])
    return "## Classes\n\n" + ", ".join(map(_code, labels)) if labels else ""


def _training(data: ReportData) -> str:
    lines = _dataset(data.dataset) if data.dataset else []
    if data.recipe:
        lines.append(f"- Recipe: {_code(data.recipe)}; every value of it is in `config.yaml`.")
    if data.history:
        solved = "strength" in data.history[-1]  # of the ridge regression, see `kinema.training.closed`
        epochs = f"{markup.plural(len(data.history), 'epoch')} of training"
        lines.append(f"- {'Fitted in closed form, without epochs' if solved else epochs}.")
    if data.cost:
        lines += [
            f"- {_inline(term.capitalize())}: {_inline(said)}." for term, said in cost_per_video(data.cost)
        ]
        lines += [f"- Weights of {_code(w.backbone)}: {_inline(w.source)}." for w in data.cost.weights]
    return "## What it was trained on\n\n" + "\n".join(lines) if lines else ""


def _dataset(facts: DatasetFacts) -> list[str]:
    totals = [f"{facts.count(split)} {_inline(split)}" for split in facts.splits]
    lines = [
        f"- {facts.noun.capitalize()}s: {_code(facts.root)} (layout {_inline(facts.layout)}),"
        f" {', '.join(totals)}.",
        f"- Split: {_inline(facts.split_source)}.",
    ]
    if facts.quarantined:
        lines.append(f"- Quarantined as unreadable: {len(facts.quarantined)}.")
    if facts.absent:
        lines.append(f"- Listed but absent: {len(facts.absent)}.")
    return lines


def _limits(data: ReportData) -> str:
    count = len(data.labels)
    if "f1_50" in data.metrics:
        return "## Limits\n\n" + "\n".join(
            [
                "- Whatever is none of its classes is background to it.",
                "- The figures hold for videos like its test videos: other cameras or people may do worse.",
                "- It was not tested for decisions about people, and should not make them.",
                *(f"- {_inline(note)}" for note in data.notes),
            ]
        )
    known = f"one of its {count} classes" if count else "one of its classes"
    lines = [
        f"- It answers with {known}, whatever it is shown; a low score is its only sign of not knowing.",
        "- The figures hold for videos like its test videos: other cameras, places or people may do worse.",
        "- It was not tested for decisions about people, and should not make them.",
    ]
    lines += [f"- {_inline(note)}" for note in data.notes]
    return "## Limits\n\n" + "\n".join(lines)


def _citation(data: ReportData) -> str:
    if not data.paper_title:
        return ""
    doi = f" <https://doi.org/{data.paper_doi}>" if re.fullmatch(r"10\.[^\s<>]+", data.paper_doi) else ""
    return f"## Paper\n\n{_inline(data.paper_title)}.{doi}"
