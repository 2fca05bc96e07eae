"""The parts of all processes are the batches of one, in their order."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from kinema.errors import UsageError
from kinema.training.lanes import LaneSampler
from kinema.training.ranks import ALONE, Ranks, check_ranks
from kinema.training.samplers import EpochSampler
from kinema.training.shards import Shard, is_filler, order_of, set_epoch, sharded


def loader(items: int, batch: int) -> DataLoader:
    return DataLoader(torch.arange(items), batch, sampler=EpochSampler([0] * items, seed=3))


def parts(of: DataLoader, count: int, epoch: int) -> list[list[tuple[list[int], bool]]]:
    """For every process its batches, each with whether it is a filler."""
    found = []
    for rank in range(count):
        own = sharded(of, Ranks(rank, count))
        set_epoch(order_of(own), epoch)
        found.append([(batch.tolist(), is_filler(own, i)) for i, batch in enumerate(own)])
    return found


@given(st.integers(1, 40), st.integers(1, 9), st.integers(2, 5), st.integers(0, 3))
def test_together_they_are_the_batches_of_one(items: int, batch: int, count: int, epoch: int) -> None:
    whole = loader(items, batch)
    set_epoch(whole.sampler, epoch)
    expected = [b.tolist() for b in whole]
    found = parts(loader(items, batch), count, epoch)
    assert {len(own) for own in found} == {len(expected)}
    for number, wanted in enumerate(expected):
        real = [own[number][0] for own in found if not own[number][1]]
        joined = [part[i] for i in range(len(real[0])) for part in real if i < len(part)]
        assert joined == wanted
        assert all(own[number][0] for own in found), "nobody has an empty batch"


def test_lightning_tells_the_epoch() -> None:
    """It looks for a sampler behind the batch sampler; another epoch is another order."""
    from lightning.fabric.utilities.data import _set_sampler_epoch

    own = sharded(loader(20, 4), Ranks(1, 2))
    seen = []
    for epoch in range(2):
        _set_sampler_epoch(own, epoch)
        seen.append([batch.tolist() for batch in own])
    assert seen[0] != seen[1]
    assert seen[1] == [part for part, _ in parts(loader(20, 4), 2, 1)[1]]


def test_one_process_has_its_loader_as_it_is() -> None:
    whole = loader(5, 2)
    assert sharded(whole, ALONE) is whole
    assert not is_filler(whole, 0)


def test_lanes_are_shared_out() -> None:
    """Lane b stays the same place of the same process from one batch to the next."""
    sampler = LaneSampler([30, 30, 20, 10], lanes=4, chunk=5, seed=0)
    whole = list(sampler)
    for rank in range(3):
        own = list(Shard(sampler, sampler, Ranks(rank, 3)))
        assert [batch[rank::3] or batch[:1] for batch in whole] == own


@pytest.mark.parametrize(
    ("devices", "nodes", "device", "started", "words"),
    [
        (0, 1, "cpu", "1", "give 1 or more"),
        (2, 1, "cuda:1", "1", "is one device"),
        (2, 1, "cpu", "3", "3 processes were started"),
        (1, 1, "cpu", "2", "2 processes were started"),
    ],
)
def test_what_cannot_be_is_refused(devices, nodes, device, started, words, monkeypatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", started)
    with pytest.raises(UsageError, match=words):
        check_ranks(devices, nodes, device)
