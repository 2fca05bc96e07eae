"""Learning from segments: soft targets, and smoothing that held-out files choose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from kinema.features.sequence_file import SequenceWriter, read_sequence
from kinema.model.build import build_recognizer
from kinema.model.timeline import TimelineRecognizer
from kinema.recipe import changed, load_recipe
from kinema.training.lanes import TimelineItem
from kinema.training.smoothing import choose_smoothing
from kinema.training.stage import FitOptions
from kinema.training.targets import step_targets
from kinema.training.timeline import fit_timeline
from kinema.types import Segment


def test_targets_are_the_chance_that_a_border_that_may_lie_elsewhere_is_passed() -> None:
    middles = np.arange(0, 10, 0.25) + 0.125
    target = step_targets([(2.0, 6.0)], middles, 0.5)
    random = np.random.default_rng(0)
    starts, ends = (centre + random.uniform(-0.5, 0.5, 4000) for centre in (2.0, 6.0))
    simulated = ((middles[:, None] >= starts) & (middles[:, None] < ends)).mean(1)
    np.testing.assert_allclose(target, simulated, atol=0.03)
    hard = step_targets([(2.0, 6.0)], middles, 0.0)
    assert hard.tolist() == [float(2 <= m < 6) for m in middles]


def test_a_segment_between_two_steps_is_given_to_the_nearest() -> None:
    assert step_targets([(2.6, 2.9)], np.arange(5.0), 0.0).tolist() == [0, 0, 0, 1, 0]


def file(folder: Path, number: int, random: np.random.Generator) -> TimelineItem:
    """A file whose features are its two classes and noise."""
    steps = 240
    times = np.arange(steps) / 4
    true = []
    for label in "ab":
        now = random.uniform(1, 6)
        while now + 5 < steps / 4:
            true.append(Segment(label, now, now + random.uniform(3, 5)))
            now = true[-1].end_seconds + random.uniform(3, 8)
    spans = [[(s.start_seconds, s.end_seconds) for s in true if s.label == label] for label in "ab"]
    targets = np.stack([step_targets(own, times + 0.125, 0.25) for own in spans], axis=1)
    writer = SequenceWriter(folder / f"{number}.safetensors", 6)
    mixed = (targets > 0.5) @ np.array([[2, 0, 1, 0, 0, 1], [0, 2, 0, 1, 1, 0]])
    writer.append((mixed + random.normal(size=(steps, 6))).astype(np.float32), times.tolist())
    writer.commit()
    return TimelineItem(writer.path, times, targets, np.ones(steps, bool), tuple(true), f"file {number}")


def f1(model: TimelineRecognizer, items: list[TimelineItem]) -> float:
    """Segments by their middles: a slow, plain count."""
    hits = found = true = 0
    for item in items:
        answers = model.segments(model.step_scores(read_sequence(item.path)), item.times, ("a", "b"))
        found, true = found + len(answers), true + len(item.truth)
        hits += sum(
            any(s.label == a.segment.label and s.overlap(a.segment) >= 0.5 for a in answers)
            for s in item.truth
        )
    return 2 * hits / (found + true)


ATTENTION = {"temporal": {"kind": "transformer", "pool": "none", "heads": 2}}


@pytest.mark.parametrize(
    ("recipe", "change"),
    [("timeline", {}), ("timeline-both", {}), ("timeline-both", ATTENTION)],
    ids=["one-way", "both", "attention"],
)
def test_what_was_learned_is_found_in_files_that_were_not_seen(
    recipe: str, change: dict, tmp_path: Path
) -> None:
    random = np.random.default_rng(1)
    made = [file(tmp_path, number, random) for number in range(6)]
    small = {**change, "data.classes": 2, "training.epochs": 12, "timeline.chunk": 60, "temporal.units": 16}
    torch.manual_seed(0)
    model = build_recognizer(changed(load_recipe(recipe), {**small, "training.lr": 0.01}), {"rgb": 6}, 2)
    assert isinstance(model, TimelineRecognizer)
    told: list[str] = []
    history = fit_timeline(model, made[:4], ("a", "b"), FitOptions(None, device="cpu", on_note=told.append))
    assert len(history) == 12
    assert any("smoothing by 3 folds" in text for text in told)
    assert f1(model, made[4:]) > 0.75
    again = build_recognizer(model.recipe, {"rgb": 6}, 2)
    again.load_tensors(model.tensors())
    assert isinstance(again, TimelineRecognizer)
    np.testing.assert_array_equal(again.smoothing.on, model.smoothing.on)
    assert f1(again.eval(), made[4:]) == f1(model, made[4:])


def test_the_smoothing_is_the_one_that_repairs_what_the_scores_lack(tmp_path: Path) -> None:
    """Scores with single steps that drop out, and others that shoot up."""
    random = np.random.default_rng(2)
    made = [file(tmp_path, number, random) for number in range(3)]
    scores = []
    for item in made:
        own = 0.2 + 0.6 * (item.targets > 0.5)
        for label in range(2):
            flips = random.choice(len(own), 25, replace=False)
            own[flips, label] = 1.0 - own[flips, label]
        scores.append(own)
    found = choose_smoothing(scores, made, ("a", "b"), both=True)
    assert found.window > 0 or (found.gap > 0 and found.hold > 0)
    assert all(0.2 < on < 0.8 for on in found.on)
