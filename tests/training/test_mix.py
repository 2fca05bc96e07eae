"""Mixed clips by hand: what the pairs hold, what their labels say, and when nothing is mixed."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from kinema.errors import UsageError
from kinema.recipe import Classifier, Mix, load_recipe
from kinema.training.clips import ClipBatch
from kinema.training.mix import MixedObjective

SHAPES = {"frame": (24, 20, 3), "clip": (2, 24, 20, 3), "flow_stack": (24, 20, 4), "logmel": (24, 20)}


def batch(shape: tuple[int, ...]) -> ClipBatch:
    """Three clips of 0, 100 and 200 of classes 2, 0 and 1."""
    clips = torch.tensor([0, 100, 200], dtype=torch.uint8).reshape(3, *[1] * len(shape)).expand(3, *shape)
    return ClipBatch({"rgb": [clips]}, {"rgb": torch.ones(3, dtype=torch.long)}, torch.tensor([2, 0, 1]))


def mixed(kind: str, shape: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(3)
    found = MixedObjective(Classifier(), None, Mix(kind=kind, alpha=1.0), 3).mixed(batch(shape))
    return found.inputs["rgb"][0], found.labels


@pytest.mark.parametrize("kind", ["mixup", "cutmix"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_inputs_and_labels_are_mixed_by_one_share(kind: str, shape: tuple[int, ...]) -> None:
    """Each clip with the one before it: the mean grey level of a pair says the share that its label has."""
    clips, labels = mixed(kind, shape)
    assert clips.shape == (3, *shape)
    own = torch.stack([labels[0, 2], labels[1, 0], labels[2, 1]])
    before = torch.stack([labels[0, 1], labels[1, 2], labels[2, 0]])
    torch.testing.assert_close(own + before, torch.ones(3))
    assert 0 < own[0] < 1
    values, previous = torch.tensor([0.0, 100, 200]), torch.tensor([200.0, 0, 100])
    torch.testing.assert_close(clips.flatten(1).mean(1), own * values + before * previous)
    levels = [len(clip.unique()) for clip in clips]
    assert levels == ([1, 1, 1] if kind == "mixup" else [2, 2, 2])


def test_a_rectangle_is_the_same_in_all_frames() -> None:
    clips, _ = mixed("cutmix", SHAPES["clip"])
    torch.testing.assert_close(clips[:, 0], clips[:, 1])


class Flat(nn.Module):
    def forward(self, batch: ClipBatch):
        from kinema.model.head import Output

        self.seen = batch
        return Output(batch.inputs["rgb"][0].float().flatten(1)[:, :3])


def test_nothing_is_mixed_in_validation() -> None:
    objective, module, whole = (
        MixedObjective(Classifier(), None, Mix(kind="mixup"), 3),
        Flat(),
        batch((6, 5, 3)),
    )
    objective(module.eval(), whole)
    assert module.seen is whole
    torch.manual_seed(0)
    value, hits, items, _ = objective(module.train(), whole)
    assert module.seen is not whole
    logits = module.seen.inputs["rgb"][0].flatten(1)[:, :3]
    expected = -(module.seen.labels * logits.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(value, expected)
    assert items == 3
    assert hits <= 3


def test_whole_videos_are_not_mixed() -> None:
    settings = "training.backbone={unit: video, mix: {kind: mixup}}"
    with pytest.raises(UsageError, match="set unit: clip, or leave out `mix`"):
        load_recipe("lite", [settings])
