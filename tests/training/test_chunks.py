"""Clips in chunks: the gradient of all at once, in less memory, apart from every fingerprint."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from kinema.backbones.load import load_backbone
from kinema.errors import UsageError
from kinema.model.build import build_recognizer
from kinema.recipe import Recipe, load_recipe
from kinema.training.backbones import ClipClassifier, EndToEnd, in_chunks
from kinema.training.clips import ClipBatch
from kinema.workflows.finished import asked_for, training_digest

CLIPS, DIM = 7, 1280


def recipe(*overrides: str, backbone: str = "mobilenet_v2") -> Recipe:
    sampling = {"kind": "rate", "fps": 2}
    stream = {"input": "rgb", "sampling": sampling, "backbone": backbone, "train_blocks": 3}
    training = {"backbone": {"unit": "video"}}
    return load_recipe(
        {"name": "x", "streams": {"rgb": stream}, "temporal": {"units": 4}, "training": training}, overrides
    )


@pytest.fixture(scope="module")
def batch() -> ClipBatch:
    frames = torch.randint(0, 256, (CLIPS, 64, 64, 3), generator=torch.Generator().manual_seed(0))
    return ClipBatch({"rgb": [frames.to(torch.uint8)]}, {"rgb": torch.tensor([4, 3])}, torch.tensor([0, 1]))


def module(unit: str, chunk: int | None) -> nn.Module:
    backbone = load_backbone("mobilenet_v2", weights="none").module
    backbone.unfreeze(3, "eval")
    torch.manual_seed(0)
    if unit == "clip":
        return ClipClassifier("rgb", backbone, DIM, 3, chunk).train()
    recogniser = build_recognizer(recipe("temporal.dropout=0"), {"rgb": DIM}, 3)
    return EndToEnd({"rgb": [backbone]}, recogniser, chunk).train()


def gradients(made: nn.Module, batch: ClipBatch) -> tuple[dict[str, Tensor], int]:
    """The gradient of every value that is trained, and the bytes that the way forward left for it."""
    held: dict[int, int] = {}

    def keep(x: Tensor) -> Tensor:
        held[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
        return x

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        loss = made(batch).logits.square().sum()
    loss.backward()
    return {n: p.grad for n, p in made.named_parameters() if p.grad is not None}, sum(held.values())


@pytest.mark.parametrize("unit", ["clip", "video"])
def test_the_gradient_is_that_of_all_clips_at_once(unit: str, batch: ClipBatch) -> None:
    whole, much = gradients(module(unit, None), batch)
    chunked, little = gradients(module(unit, 2), batch)
    assert any("blocks" in name or "conv_head" in name for name in whole)
    assert chunked.keys() == whole.keys()
    for name, gradient in whole.items():
        scale = float(gradient.abs().max())
        torch.testing.assert_close(chunked[name], gradient, rtol=1e-4, atol=1e-5 * scale, msg=name)
    assert little < much / 2


def test_no_more_clips_than_a_chunk_are_computed_at_once() -> None:
    seen: list[int] = []

    class Counting(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            seen.append(len(x))
            return x * 2.0

    x = torch.arange(7.0, requires_grad=True)[:, None]
    torch.testing.assert_close(in_chunks(Counting(), x, 3), x * 2)
    assert seen == [3, 3, 1]
    in_chunks(Counting(), x, 7).sum().backward()
    assert seen == [3, 3, 1, 7]  # what fits at once is not computed twice


def test_dropout_inside_a_backbone_is_the_same_on_the_way_back() -> None:
    x = torch.ones(6, 50, requires_grad=True)
    found = in_chunks(nn.Dropout(0.5), x, 2)
    found.sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, found.detach())


def test_it_decides_no_result() -> None:
    plain, chunked = recipe(), recipe("training.backbone.chunk=8")
    assert chunked.training.backbone is not None
    assert chunked.training.backbone.chunk == 8
    assert asked_for(plain) == asked_for(chunked) != asked_for(recipe("training.backbone.batch=8"))
    none: dict[str, Any] = {}
    assert training_digest(plain, none, []) == training_digest(chunked, none, [])
    without = load_recipe("lite")
    assert asked_for(without) != asked_for(plain)


def test_batch_norm_that_learns_its_statistics_is_refused() -> None:
    with pytest.raises(UsageError, match=r"streams.rgb.batch_norm: train` takes its statistics over whole"):
        recipe("training.backbone.chunk=8", "streams.rgb.batch_norm=train")
