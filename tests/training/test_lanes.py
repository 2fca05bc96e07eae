"""Long files in lanes: every step once an epoch, in order, and a state that goes where it belongs."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from kinema.features.sequence_file import SequenceWriter, read_sequence
from kinema.model.build import build_recognizer
from kinema.model.timeline import TimelineRecognizer
from kinema.recipe import changed, load_recipe
from kinema.training.lanes import LaneSampler, TimelineItem, lane_loader
from kinema.training.timeline import StepObjective

SMALL = {"data.classes": 2, "timeline.chunk": 8, "temporal.units": 6, "temporal.dropout": 0.0}


@given(st.lists(st.integers(1, 90), min_size=1, max_size=6), st.integers(1, 4), st.integers(0, 3))
def test_an_epoch_goes_through_every_step_once_and_pieces_stay_whole(
    lengths: list[int], lanes: int, epoch: int
) -> None:
    sampler = LaneSampler(lengths, lanes=lanes, chunk=8, seed=0)
    sampler.set_epoch(epoch)
    batches = list(sampler)
    assert len(batches) == len(sampler)
    seen = Counter((c.item, step) for batch in batches for c in batch for step in range(c.start, c.stop))
    assert seen == Counter((item, step) for item, length in enumerate(lengths) for step in range(length))
    for lane in range(len(batches[0])):
        walk = [batch[lane] for batch in batches if lane < len(batch)]
        assert walk[0].fresh
        for before, chunk in pairwise(walk):
            if not chunk.fresh:
                assert (chunk.item, chunk.start) == (before.item, before.stop)
                assert before.stop - before.start == 8  # nothing was padded in between
    sizes = [len(batch) for batch in batches]
    assert sizes == sorted(sizes, reverse=True)  # lane b stays lane b


def test_the_order_is_a_function_of_the_epoch() -> None:
    sampler = LaneSampler([30, 50, 40, 20], lanes=2, chunk=8, seed=3)
    first = list(sampler)
    sampler.set_epoch(1)
    assert list(sampler) != first
    sampler.set_epoch(0)
    assert list(sampler) == first


def items(folder: Path, lengths: list[int]) -> list[TimelineItem]:
    made, random = [], np.random.default_rng(0)
    for number, steps in enumerate(lengths):
        writer = SequenceWriter(folder / f"{number}.safetensors", 5)
        times = np.arange(steps) / 4
        writer.append(random.normal(size=(steps, 5)).astype(np.float32), times.tolist())
        writer.commit()
        targets = random.integers(0, 2, (steps, 2)).astype(np.float32)
        made.append(TimelineItem(writer.path, times, targets, np.ones(steps, bool)))
    return made


def recognizer(name: str = "timeline") -> TimelineRecognizer:
    torch.manual_seed(0)
    model = build_recognizer(changed(load_recipe(name), SMALL), {"rgb": 5}, 2)
    assert isinstance(model, TimelineRecognizer)
    return model.eval()


def test_the_loss_of_chunks_is_that_of_whole_files(tmp_path: Path) -> None:
    """Files of one lane's share: what the state carries makes chunks what the whole file would be."""
    made = items(tmp_path, [40, 33, 27])
    model = recognizer()
    objective = StepObjective(model, None)
    total = steps = 0.0
    with torch.no_grad():
        for batch in lane_loader(made, lanes=2, chunk=8, seed=1):
            loss, _, count, _ = objective(model, batch)
            total, steps = total + float(loss) * count, steps + count
    assert steps == 100
    expected = 0.0
    for item in made:
        pieces = [(0, len(item.times))]
        data = torch.from_numpy(read_sequence(item.path).data)
        for start, stop in pieces:
            with torch.no_grad():
                logits = model.whole(data[None, start:stop])[0]
            own = torch.nn.functional.binary_cross_entropy_with_logits(
                logits, torch.from_numpy(item.targets[start:stop]), reduction="none"
            )
            expected += float(own.mean(1).sum())
    assert abs(total - expected) / expected < 1e-4


def test_steps_that_nobody_looked_at_count_for_nothing(tmp_path: Path) -> None:
    (item,) = items(tmp_path, [16])
    known = np.arange(16) < 5
    model = recognizer("timeline-both")
    losses = []
    for filling in (0.0, 1.0):
        targets = np.where(known[:, None], item.targets, filling).astype(np.float32)
        own = TimelineItem(item.path, item.times, targets, known)
        (batch,) = lane_loader([own], lanes=1, chunk=16, seed=0)
        loss, _, count, _ = StepObjective(model, None)(model, batch)
        losses.append(float(loss))
        assert count == 5
    assert losses[0] == losses[1]
