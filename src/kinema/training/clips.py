"""The clips themselves, for training a backbone: decoded on demand, or kept on disk where they are costly."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..atomic import atomic_open
from ..errors import MediaError
from ..keys import fingerprint
from ..sampling.specs import Segments, Uniform, Windows
from ..streams.images import Augmenter, fit
from ..streams.source import Job, SourceConfig, make_source
from ..types import VideoRecord

# Clips of small sets stay in memory between epochs, up to this much.
MEMORY_BYTES = 1 << 29


@dataclass(frozen=True, slots=True)
class ClipItem:
    """One video whose clips are trained on: its record, content key and class index."""

    record: VideoRecord
    key: str
    label: int


@dataclass(slots=True)
class ClipBatch:
    """Clips of several videos, one tensor per backbone input, all clips in one row: [sum of lengths, ...]."""

    inputs: dict[str, list[Tensor]]
    lengths: dict[str, Tensor]
    labels: Tensor


class ClipDataset(Dataset[tuple[dict[str, list[np.ndarray]], int]]):
    """All clips of one video per access, per stream: a list with one array [T, ...] per backbone.

    RGB is decoded anew where it does not fit into memory. Optical flow is computed once and kept, in
    float16, under `cache`. With `augment` each epoch sees another version of a video's frames, the same
    choice for all of them, made from the frames as the backbone sees them.
    """

    def __init__(
        self, items: Sequence[ClipItem], configs: Mapping[str, SourceConfig], cache: Path, *, augment: bool
    ):
        self.items, self.configs, self.cache, self.augment = items, configs, cache, augment
        self.epoch = 0
        self._kept: dict[int, dict[str, list[np.ndarray]]] = {}
        self._room = MEMORY_BYTES

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> tuple[dict[str, list[np.ndarray]], int]:
        item = self.items[index]
        clips = self._kept.get(index) or self._read(index)
        if self.augment:
            clips = {n: _augmented(self.configs[n], item.key, self.epoch + 1, c) for n, c in clips.items()}
        return clips, item.label

    def _read(self, index: int) -> dict[str, list[np.ndarray]]:
        item = self.items[index]
        job = Job(item.record, item.key, 0, self.cache.parent / "motion")
        clips = {name: self._clips(config, job) for name, config in self.configs.items()}
        size = sum(array.nbytes for arrays in clips.values() for array in arrays)
        if size <= self._room:
            self._room -= size
            self._kept[index] = clips
        return clips

    def usable(self, progress: Callable[[int, int], None]) -> tuple[list[int], dict[str, str]]:
        """Read every item once: the numbers of those that can be read, and the reason for the others.

        Optical flow that is kept on disk is computed here.
        """
        good, failed = [], {}
        for index, item in enumerate(self.items):
            try:
                self[index]
                good.append(index)
            except MediaError as error:
                failed[item.record.name] = str(error)
            progress(index + 1, len(self.items))
        return good, failed

    def _clips(self, config: SourceConfig, job: Job) -> list[np.ndarray]:
        if config.input != "flow":
            return _computed(config, job)
        path = self.cache / fingerprint(config.settings())[:16] / f"{job.key}.npy"
        if not path.exists():
            with atomic_open(path, "wb") as file:
                np.save(file, _computed(config, job)[0].astype(np.float16))
        return [np.load(path, allow_pickle=False).astype(np.float32)]


def clips_per_video(config: SourceConfig, count: int) -> SourceConfig:
    """The same source with `count` frames or stacks spread over each video; segments and windows stay all."""
    if isinstance(config.sampling, Segments | Windows):
        return config
    return replace(config, sampling=Uniform(kind="uniform", frames=count))


def collate_clips(rows: Sequence[tuple[dict[str, list[np.ndarray]], int]]) -> ClipBatch:
    """Join videos; sequences of different lengths follow each other."""
    names = rows[0][0].keys()
    inputs, lengths = {}, {}
    for name in names:
        columns = zip(*(row[0][name] for row in rows), strict=True)
        inputs[name] = [torch.from_numpy(np.concatenate(column)) for column in columns]
        lengths[name] = torch.tensor([len(row[0][name][0]) for row in rows])
    return ClipBatch(inputs, lengths, torch.tensor([row[1] for row in rows]))


def _augmented(config: SourceConfig, key: str, variant: int, columns: list[np.ndarray]) -> list[np.ndarray]:
    if config.augment is None:
        return columns
    augment = Augmenter(config.augment, key, variant)
    return [_changed(column, augment) for column in columns]


def _changed(frames: np.ndarray, augment: Augmenter) -> np.ndarray:
    """Every frame of [..., H, W, 3] changed alike and brought back to its size."""
    height, width = frames.shape[-3:-1]
    flat = frames.reshape(-1, height, width, 3)
    return np.stack([fit(augment(frame), (height, width), "stretch") for frame in flat]).reshape(frames.shape)


def _computed(config: SourceConfig, job: Job) -> list[np.ndarray]:
    source = make_source(config, threads=os.cpu_count() or 1)
    clips = [clip.inputs for clip in source.clips(job)]
    return [np.stack(column) for column in zip(*clips, strict=True)]
