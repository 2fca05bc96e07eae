"""Loss, hits and weights by hand; batches that Lightning can move to a device."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
import torch
from lightning.fabric.utilities.apply_func import move_data_to_device
from torch import Tensor, nn

from kinema.model.batch import Batch, SequenceBatch
from kinema.model.head import ClassObjective, Output
from kinema.recipe import Classifier
from kinema.training.clips import ClipBatch


@dataclass
class Scored:
    """A batch that carries its class scores."""

    logits: Tensor
    labels: Tensor


BATCH = Scored(torch.tensor([[0.0, math.log(3)], [0.0, 0.0], [math.log(3), 0.0]]), torch.tensor([1, 0, 1]))


@pytest.mark.parametrize(
    ("weights", "expected"),
    [(None, math.log(4 / 3 * 2 * 4) / 3), (torch.tensor([4.0, 1.0]), math.log(4 / 3 * 2**4 * 4) / 6)],
)
def test_loss_and_hits_by_hand(weights: Tensor | None, expected: float) -> None:
    """Probabilities of the right classes are 3/4, 1/2 and 1/4; ties go to the first class."""
    objective = ClassObjective(Classifier(), weights, lambda module, batch: Output(batch.logits))
    loss, hits, items, _ = objective(nn.Identity(), BATCH)
    assert float(loss) == pytest.approx(expected, rel=1e-6)
    assert (hits, items) == (2, 3)


def test_lightning_moves_every_tensor_of_a_batch() -> None:
    one = torch.ones(1)
    features = move_data_to_device(Batch({"rgb": SequenceBatch(one, one)}, one, one), "meta")
    clips = move_data_to_device(ClipBatch({"rgb": [one]}, {"rgb": one}, one), "meta")
    moved = [features.streams["rgb"].data, features.streams["rgb"].lengths, features.labels]
    moved += [clips.inputs["rgb"][0], clips.lengths["rgb"], clips.labels]
    assert all(tensor.is_meta for tensor in moved)
