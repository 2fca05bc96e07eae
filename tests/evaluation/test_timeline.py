"""The figures of timelines against scikit-learn, slow references and cases counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from kinema.evaluation.timeline import (
    TimelineAnswer,
    always_background,
    average_precision,
    delays,
    edit_score,
    frame_accuracy,
    frame_map,
    interval,
    segment_map,
    segmental_f1,
    timeline_metrics,
)
from kinema.model.smoothing import Found
from kinema.types import Segment

LABELS = ("a", "b")


def answer(
    true: list[tuple], found: list[tuple], steps: int = 20, name: str = "x", **more: object
) -> TimelineAnswer:
    """Steps of one second; `found` are (label, start, end[, score[, reported]])."""
    times = np.arange(float(steps))
    on = np.array([[any(s <= t < e for n, s, e in true if n == label) for label in LABELS] for t in times])
    made = [
        Found(Segment(n, s, e, rest[0] if rest else 1.0), rest[1] if len(rest) > 1 else s, e)
        for n, s, e, *rest in found
    ]
    return TimelineAnswer(
        name,
        tuple(Segment(*t) for t in true),
        tuple(made),
        on,
        times,
        float(steps),
        **more,  # type: ignore[arg-type]
    )


def per_frame_f1(true: list[str], found: list[str], overlap: float) -> tuple[int, int, int]:
    """Segmental counts from labels per frame, written as the field's evaluation scripts go about it."""

    def runs(frames: list[str]) -> list[tuple[str, int, int]]:
        out, start = [], 0
        for i in range(1, len(frames) + 1):
            if i == len(frames) or frames[i] != frames[start]:
                out.append((frames[start], start, i))
                start = i
        return [run for run in out if run[0] != "-"]

    p, y = runs(found), runs(true)
    tp = fp = 0
    hits = np.zeros(len(y))
    for label, start, end in p:
        if not y:
            fp += 1
            continue
        inter = np.minimum(end, [e for _, _, e in y]) - np.maximum(start, [s for _, s, _ in y])
        union = np.maximum(end, [e for _, _, e in y]) - np.minimum(start, [s for _, s, _ in y])
        iou = (inter / union) * np.array([label == n for n, _, _ in y])
        i = int(iou.argmax())
        if iou[i] >= overlap and not hits[i]:
            tp, hits[i] = tp + 1, 1
        else:
            fp += 1
    return tp, fp, int(len(y) - hits.sum())


frames = st.lists(st.sampled_from(["a", "b", "-"]), min_size=30, max_size=30)


def spans_of(labels: list[str]) -> list[tuple[str, float, float]]:
    out, start = [], 0
    for i in range(1, len(labels) + 1):
        if i == len(labels) or labels[i] != labels[start]:
            if labels[start] != "-":
                out.append((labels[start], float(start), float(i)))
            start = i
    return out


@settings(max_examples=60)
@given(st.lists(st.tuples(frames, frames), min_size=1, max_size=3), st.sampled_from([0.1, 0.25, 0.5]))
def test_segmental_f1_is_that_of_labels_per_frame(
    files: list[tuple[list[str], list[str]]], overlap: float
) -> None:
    answers = [answer(spans_of(true), spans_of(found), 30) for true, found in files]
    tp, fp, fn = np.sum([per_frame_f1(t, f, overlap) for t, f in files], axis=0)
    expected = 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else 1.0
    assert segmental_f1(answers, LABELS, overlap) == pytest.approx(expected)
    right = np.mean([t == f for true, found in files for t, f in zip(true, found, strict=True)])
    assert frame_accuracy(answers, LABELS) == pytest.approx(right)


def slow_edit(a: str, b: str) -> int:
    if not a or not b:
        return len(a) + len(b)
    return min(slow_edit(a[1:], b) + 1, slow_edit(a, b[1:]) + 1, slow_edit(a[1:], b[1:]) + (a[0] != b[0]))


@settings(max_examples=60)
@given(st.text("abc", max_size=5), st.text("abc", max_size=5))
def test_edit_score_is_the_recursion(a: str, b: str) -> None:
    expected = 1 - slow_edit(a, b) / max(len(a), len(b)) if a or b else 1.0
    assert edit_score(a, b) == pytest.approx(expected)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=30))
def test_average_precision_is_scikit_learns(rows: list[tuple[bool, int]]) -> None:
    hits, scores = np.array([h for h, _ in rows]), np.array([s for _, s in rows], float)
    ours = average_precision(hits, scores, int(hits.sum()))
    if not hits.any():
        assert ours is None
    else:
        assert ours == pytest.approx(average_precision_score(hits, scores))


def test_detection_by_hand() -> None:
    """Of two true segments: one found at the second rank, behind a false alarm that is surer; one missed."""
    one = answer([("a", 0, 4), ("a", 10, 14)], [("a", 6, 8, 0.9), ("a", 0, 4, 0.8)])
    assert segment_map([one], LABELS, 0.5) == pytest.approx(0.5 * 0.5)
    twice = answer([("a", 0, 4)], [("a", 0, 4, 0.4), ("a", 0, 3, 0.9)])
    assert segment_map([twice], LABELS, 0.5) == pytest.approx(1.0)  # the surer one takes it
    assert segment_map([twice], LABELS, 0.9) == pytest.approx(0.5)


def test_delay_and_false_alarms_by_hand() -> None:
    found = [("a", 2.0, 5.0, 1.0, 3.5), ("a", 5.0, 6.0, 1.0, 5.5), ("b", 15.0, 16.0, 1.0, 15.0)]
    one = answer([("a", 1, 7), ("b", 10, 12)], found, one_way=True)
    told = delays([one], LABELS)
    assert told["delay_seconds"] == {"mean": 2.5, "median": 2.5}
    assert told["end_delay_seconds"] == 0.0  # reported over before the end
    assert told["missed"] == 0.5
    assert told["false_alarms_per_hour"] == pytest.approx(3600 / 20)
    assert delays([answer([("a", 1, 7)], found)], LABELS)["delay_seconds"] is None


def test_a_perfect_answer_has_ones_and_nothing_has_background_alone() -> None:
    spans = [("a", 1.0, 4.0), ("b", 3.0, 9.0)]
    whole = [answer(spans, spans, name=f"{i}", one_way=True) for i in range(6)]
    for one in whole:
        object.__setattr__(one, "scores", one.on.astype(float))
    told = timeline_metrics(whole, LABELS)
    for key in ("accuracy", "f1_10", "f1_25", "f1_50", "edit", "map_frame", "map_tiou"):
        assert told[key] == pytest.approx(1.0), key
        assert told["ci95_of"][key] == pytest.approx([1.0, 1.0]), key
    assert told["false_alarms_per_hour"] == 0
    assert told["n_test"] == 6
    nothing = timeline_metrics(always_background(whole), LABELS)
    assert nothing["accuracy"] == pytest.approx(12 / 20)
    assert nothing["f1_50"] == 0.0
    assert nothing["missed"] == 1.0


def test_intervals_draw_whole_groups_and_need_five() -> None:
    good, bad = [("a", 1.0, 4.0)], [("b", 1.0, 4.0)]
    files = [answer(good, good if i % 2 else bad, name=f"{i}", unit=f"g{i // 2}") for i in range(20)]
    assert interval(files, lambda some: segmental_f1(some, LABELS, 0.5)) == pytest.approx([0.5, 0.5])
    assert interval(files[:8], lambda some: 0.0) is None
    assert frame_map(files) is None
