"""Padding, lengths, order of steps, and memory of the loader."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from kinema.errors import WorkError
from kinema.features import sequence_file
from kinema.features.sequence_file import SequenceWriter
from kinema.model.items import FeatureDataset, FeatureItem, collate, feature_loader, with_stream
from kinema.training.samplers import EpochSampler


def save(path: Path, data: np.ndarray) -> Path:
    writer = SequenceWriter(path, data.shape[1])
    writer.append(data.astype(np.float32), [i / 10 for i in range(len(data))])
    writer.commit()
    return path


def numbered(tmp_path: Path, lengths: list[int], dim: int = 2) -> list[FeatureItem]:
    """Step t of item i holds (100 i + t, 1)."""
    items = []
    for i, length in enumerate(lengths):
        data = np.ones((length, dim))
        data[:, 0] = 100 * i + np.arange(length)
        items.append(FeatureItem({"rgb": save(tmp_path / f"{i}", data)}, label=i % 2))
    return items


def test_batches_are_padded_with_zeros_and_tell_lengths(tmp_path: Path):
    dataset = FeatureDataset(numbered(tmp_path, [3, 1, 0]))
    (batch,) = feature_loader(dataset, 3)
    rgb = batch.streams["rgb"]
    assert rgb.lengths.tolist() == [3, 1, 0]
    assert rgb.data[:, :, 0].tolist() == [[0, 1, 2], [100, 0, 0], [0, 0, 0]]
    assert rgb.data[:, :, 1].tolist() == [[1, 1, 1], [1, 0, 0], [0, 0, 0]]
    assert rgb.data.dtype == torch.float32
    assert batch.labels.tolist() == [0, 1, 0]
    assert batch.items.tolist() == [0, 1, 2]


def test_a_batch_of_absent_sequences_has_one_zero_step(tmp_path: Path):
    dataset = FeatureDataset(numbered(tmp_path, [0, 0], dim=5))
    batch = collate([dataset[0], dataset[1]])
    assert batch.streams["rgb"].data.shape == (2, 1, 5)
    assert not batch.streams["rgb"].data.any()
    assert batch.streams["rgb"].lengths.tolist() == [0, 0]


def test_streams_of_different_length_and_dimension(tmp_path: Path):
    files = {"rgb": save(tmp_path / "rgb", np.ones((4, 3))), "audio": save(tmp_path / "a", np.ones((2, 7)))}
    (batch,) = feature_loader(FeatureDataset([FeatureItem(files, 0)]), 8)
    assert {name: tuple(s.data.shape) for name, s in batch.streams.items()} == {
        "rgb": (1, 4, 3),
        "audio": (1, 2, 7),
    }


def test_shuffled_steps_stay_inside_their_sequence(tmp_path: Path):
    items = numbered(tmp_path, [40, 30, 1])
    plain, shuffled, again, other = (FeatureDataset(items, shuffle_steps=s) for s in (None, 1, 1, 2))
    for i in range(3):
        steps = [d[i][1]["rgb"].data[:, 0].tolist() for d in (plain, shuffled, again, other)]
        assert sorted(steps[1]) == steps[0]
        assert steps[1] == steps[2]
        if i < 2:
            assert steps[1] != steps[0]
            assert steps[1] != steps[3]
        np.testing.assert_array_equal(shuffled[i][1]["rgb"].pts_seconds, plain[i][1]["rgb"].pts_seconds)


def test_orders_of_items(tmp_path: Path):
    dataset = FeatureDataset(numbered(tmp_path, [1] * 20))

    def order(sampler: EpochSampler | None) -> list[int]:
        return [i for batch in feature_loader(dataset, 6, sampler=sampler) for i in batch.items.tolist()]

    def shuffled(seed: int) -> EpochSampler:
        return EpochSampler([item.label for item in dataset.items], seed=seed)

    assert order(None) == list(range(20))
    assert order(shuffled(3)) == order(shuffled(3)) != order(shuffled(4))
    assert sorted(order(shuffled(3))) == list(range(20))


def test_items_that_have_a_stream(tmp_path: Path):
    items = numbered(tmp_path, [3, 0, 1])
    assert with_stream(items, "rgb") == [items[0], items[2]]


def test_values_are_checked_when_they_are_first_read_and_not_in_every_epoch_and_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    items = numbered(tmp_path, [3, 2])
    dataset, checked = FeatureDataset(items), []
    check = sequence_file.check_values
    monkeypatch.setattr(sequence_file, "check_values", lambda *a: checked.append(1) or check(*a))
    epochs = [[dataset[i][1]["rgb"].data.tolist() for i in range(2)] for _ in range(3)]
    rounds = [[FeatureDataset(items)[i][1]["rgb"].data.tolist() for i in range(2)] for _ in range(2)]
    assert len(checked) == 2
    assert rounds == epochs[:2]
    assert epochs[0] == epochs[1] == epochs[2]
    damaged = items[1].files["rgb"]
    content = bytearray(damaged.read_bytes())
    content[-20] ^= 1
    damaged.write_bytes(content)
    os.utime(damaged, (1, 1))  # another time, however coarse the clock of the file system
    with pytest.raises(WorkError, match="its values are not those that were written"):
        FeatureDataset(items)[1]


SWEEP = """
import sys
from pathlib import Path
from kinema.features.reader import SEQUENCES
SEQUENCES._bound = 40_000_000
from kinema.model.items import FeatureDataset, FeatureItem, feature_loader
def peak():
    return int(next(l.split()[1] for l in open("/proc/self/status") if l.startswith("VmHWM"))) // 1024
files = sorted(Path(sys.argv[1]).iterdir())
dataset = FeatureDataset([FeatureItem({"rgb": f}, 0) for f in files])
peaks = []
for number, batch in enumerate(feature_loader(dataset, 4)):
    assert batch.streams["rgb"].lengths.tolist() == [40] * 4
    peaks.append(peak())
print(peaks[len(peaks) // 5], peaks[-1])
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is taken from /proc")
def test_memory_does_not_grow_with_the_set(tmp_path: Path):
    """120 videos of 40 x 25088 features would be 480 MB; the files are sparse and cost no disk."""
    steps, dim = 40, 25088
    save(tmp_path / "head", np.zeros((steps, dim)))
    head = (tmp_path / "head").read_bytes()
    (tmp_path / "head").unlink()
    blocks = [(at, head[at : at + 4096]) for at in range(0, len(head), 4096)]
    folder = tmp_path / "set"
    folder.mkdir()
    for i in range(120):
        with (folder / f"{i}").open("wb") as file:
            for at, block in blocks:
                if any(block):
                    file.seek(at)
                    file.write(block)
        os.truncate(folder / f"{i}", len(head))
    done = subprocess.run(
        [sys.executable, "-c", SWEEP, folder], capture_output=True, text=True, check=True, timeout=300
    )
    after_a_fifth, last = map(int, done.stdout.split())
    assert last - after_a_fifth < 120
