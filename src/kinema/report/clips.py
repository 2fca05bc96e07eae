"""Film-strip cards: a video's frames, its class and the model's scores."""

import base64
from collections.abc import Iterable, Mapping

import numpy as np

from . import markup
from .data import FilmStrip, Sample


def surest_and_worst(
    scores: np.ndarray, truth: np.ndarray, hits: int = 6, misses: int = 12
) -> tuple[list[int], list[int]]:
    """Rows of `scores` [N, C] to show, given `truth` [N] class indices: (surest hits, worst misses).

    Hits are the highest-scored right answers, one per class before any class gets a second one. Misses are
    ordered by how far the wrong answer's score lies above the truth's.
    """
    predicted = scores.argmax(axis=1)
    best = scores[np.arange(len(scores)), predicted]
    gap = best - scores[np.arange(len(scores)), truth]
    right = [int(row) for row in np.argsort(-best, kind="stable") if predicted[row] == truth[row]]
    wrong = [int(row) for row in np.argsort(-gap, kind="stable") if predicted[row] != truth[row]]
    seen: dict[int, int] = {}
    turn = {}
    for row in right:
        label = int(truth[row])
        turn[row] = seen[label] = seen.get(label, 0) + 1
    return sorted(right, key=lambda row: turn[row])[:hits], wrong[:misses]


def clip_cards(samples: Iterable[Sample], index: Mapping[str, int] | None = None) -> str:
    """A grid of cards. `index` (label -> row of the confusion matrix) lets a matrix cell find its cards."""
    cards = "".join(_card(sample, index or {}) for sample in samples)
    return f'<ul class="clips">{cards}</ul>' if cards else ""


def _card(sample: Sample, index: Mapping[str, int]) -> str:
    where = ""
    if sample.truth is not None and sample.truth in index and sample.predicted in index:
        where = f' data-truth="{index[sample.truth]}" data-said="{index[sample.predicted]}"'
    kind = "hit" if sample.correct else "miss"
    note = f" · {markup.escape(sample.note)}" if sample.note else ""
    return (
        f'<li class="clip {kind}"{where}{_id(sample)}>{_film(sample)}'
        f'<div class="said">{_verdict(sample)}{_scores(sample)}</div>'
        f'<p class="file">{markup.name(sample.video)}{note}</p></li>'
    )


def _id(sample: Sample) -> str:
    return f' id="{markup.escape(sample.anchor)}"' if sample.anchor else ""


def _film(sample: Sample) -> str:
    strip = sample.strip
    if strip is None:
        return ""
    alt = markup.escape(f"{len(strip.pts_seconds)} frames of {sample.video}")
    image = base64.b64encode(strip.image).decode("ascii")
    frames = "".join(_frame_label(strip, sample.tags, step) for step in range(len(strip.pts_seconds)))
    return (
        f'<div class="film" tabindex="0" role="group" aria-label="{alt}"><div class="reel">'
        f'<img src="data:image/jpeg;base64,{image}" width="{strip.width}" height="{strip.height}" '
        f'loading="lazy" decoding="async" alt="{alt}"><div class="times">{frames}</div></div></div>'
    )


def _frame_label(strip: FilmStrip, tags: tuple[str, ...], step: int) -> str:
    tag = f'<b class="tag">{markup.name(tags[step])}</b>' if step < len(tags) and tags[step] else ""
    return f"<span>{strip.pts_seconds[step]:.2f}\u202fs{tag}</span>"


def _verdict(sample: Sample) -> str:
    if sample.truth is None:
        return f'<p class="verdict">{markup.name(sample.predicted)}</p>'
    if sample.correct:
        return f'<p class="verdict"><span class="sign">✓</span> {markup.name(sample.truth)}</p>'
    return (
        f'<p class="verdict"><span class="sign">✗</span> {markup.name(sample.truth)} '
        f'<span class="called">called {markup.name(sample.predicted)}</span></p>'
    )


def _scores(sample: Sample) -> str:
    rows = ""
    for label, score in sample.top:
        width = min(1.0, max(0.0, markup.finite(score) or 0.0))  # SVM margins may lie outside 0..1
        rows += (
            f'<li class="{"true" if label == sample.truth else "other"}"><span class="label">'
            f'{markup.name(label)}</span><span class="bar"><i style="width:{100 * width:.1f}%"></i></span>'
            f'<span class="num">{markup.percent(score)}</span></li>'
        )
    return f'<ol class="scores">{rows}</ol>'
