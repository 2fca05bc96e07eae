"""The clips themselves, for stages that run the backbone: read on demand, kept in memory where they fit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..errors import MediaError
from ..extraction.inline import messages_of
from ..media.video import VideoFile
from ..sampling.specs import Adaptive, Segments, Uniform, Windows
from ..streams import RgbStream, StreamSettings, Task, Tools
from ..streams.augment import Augmenter
from ..streams.images import fit
from ..types import Clip, VideoRecord
from .samplers import EpochSampler

# Clips of small sets stay in memory between epochs, up to this much for one set.
MEMORY_BYTES = 1 << 29

# Clips by stream, and the class index.
Row = tuple[dict[str, list[Clip]], int]


@dataclass(frozen=True, slots=True)
class ClipItem:
    """One video whose clips are trained on: its record, content key and class index."""

    record: VideoRecord
    key: str
    label: int


class Clips:
    """Clips of a set of videos, by stream; they are read anew where they do not fit into memory.

    `cache` is a folder in which optical flow is kept for the extraction behind this stage.
    """

    def __init__(
        self,
        items: Sequence[ClipItem],
        streams: Mapping[str, StreamSettings],
        tools: Tools,
        cache: Path | None = None,
    ):
        self.items, self.streams, self.tools, self.cache = list(items), streams, tools, cache
        self._kept: dict[tuple[str, str], list[Clip]] = {}
        self._counts: dict[tuple[str, str], int] = {}
        self._room = MEMORY_BYTES

    def of(self, item: ClipItem, stream: str, version: int = 0) -> list[Clip]:
        """One video's clips; of version 1 and above, augmented as the stream says.

        A version is one random choice for all frames of a video, and is made from the frames as the backbone
        sees them. Raises `MediaError` where the video cannot be read.
        """
        return self._augmented(self._read(item, stream), item, stream, version)

    def one(self, item: ClipItem, stream: str, number: int, version: int = 0) -> Clip:
        """The clip `of(item, stream, version)[number]`; the others are not augmented for it."""
        return self._augmented([self._read(item, stream)[number]], item, stream, version)[0]

    def count(self, item: ClipItem, stream: str) -> int:
        """The number of a video's clips."""
        known = self._counts.get((item.key, stream))
        return len(self._read(item, stream)) if known is None else known

    def _read(self, item: ClipItem, stream: str) -> list[Clip]:
        """One video's clips as they are, from memory or its file."""
        place = (item.key, stream)
        if place in self._kept:
            return self._kept[place]
        task = Task(item.key, cache=self.cache, keep_flow=self.cache is not None)
        messages = messages_of(self.streams[stream], VideoFile.of(item.record), task, self.tools)
        clips = [message for message in messages if isinstance(message, Clip)]
        self._counts[place] = len(clips)
        size = sum(x.nbytes for clip in clips for x in clip.inputs)
        if size <= self._room:
            self._room -= size
            self._kept[place] = clips
        return clips

    def _augmented(self, clips: list[Clip], item: ClipItem, stream: str, version: int) -> list[Clip]:
        spec = self.streams[stream]
        if not version or not isinstance(spec, RgbStream) or spec.augment is None:
            return clips
        augment = Augmenter(spec.augment, item.key, version)
        return [replace(c, inputs=tuple(_changed(x, augment) for x in c.inputs)) for c in clips]

    def drop_unreadable(
        self,
        progress: Callable[[int, int], None],
        union: Callable[[dict[str, str]], dict[str, str]] = lambda failed: failed,
    ) -> dict[str, str]:
        """Read every video once and leave out those that cannot be read: name, with its part -> reason.

        `union` adds what other processes could not read.
        """
        failed: dict[str, str] = {}
        for number, item in enumerate(self.items, start=1):
            try:
                for stream in self.streams:
                    self.of(item, stream)
            except MediaError as error:
                failed[_named(item)] = str(error)
            progress(number, len(self.items))
        failed = union(failed)
        self.items = [item for item in self.items if _named(item) not in failed]
        return failed


def _named(item: ClipItem) -> str:
    return " ".join(filter(None, (item.record.name, item.record.part)))


class VideoDataset(Dataset[Row]):
    """All clips of one video per access; augmented anew in each epoch where `epochs` is set."""

    epochs: EpochSampler | None = None

    def __init__(self, clips: Clips):
        self.clips = clips
        self.labels = [item.label for item in clips.items]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Row:
        item, version = self.clips.items[index], version_of(self.epochs)
        return {s: self.clips.of(item, s, version) for s in self.clips.streams}, item.label


class ClipDataset(Dataset[Row]):
    """One clip of one video of one stream per access; augmented anew in each epoch where `epochs` is set."""

    epochs: EpochSampler | None = None

    def __init__(self, clips: Clips, stream: str):
        self.clips, self.stream = clips, stream
        self.places = [(item, n) for item in clips.items for n in range(clips.count(item, stream))]
        self.labels = [item.label for item, _ in self.places]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Row:
        item, number = self.places[index]
        clip = self.clips.one(item, self.stream, number, version_of(self.epochs))
        return {self.stream: [clip]}, item.label


def version_of(epochs: EpochSampler | None) -> int:
    """The augmented version of the sampler's epoch; 0, the video as it is, without one."""
    return epochs.epoch + 1 if epochs else 0


# Not frozen: Lightning moves batches to a device field by field.
@dataclass(slots=True)
class ClipBatch:
    """Clips of several videos, one tensor per backbone input, all clips in one row: [sum of lengths, ...]."""

    inputs: dict[str, list[Tensor]]
    lengths: dict[str, Tensor]
    labels: Tensor


def collate_clips(rows: Sequence[Row]) -> ClipBatch:
    """Join rows of a dataset; sequences of different lengths follow each other."""
    inputs, lengths = {}, {}
    for name in rows[0][0]:
        columns = zip(*(clip.inputs for clips, _ in rows for clip in clips[name]), strict=True)
        inputs[name] = [torch.from_numpy(np.stack(column)) for column in columns]
        lengths[name] = torch.tensor([len(clips[name]) for clips, _ in rows])
    return ClipBatch(inputs, lengths, torch.tensor([label for _, label in rows]))


def clips_per_video(stream: StreamSettings, count: int) -> StreamSettings:
    """The same stream with `count` frames or stacks spread over each video; segments and windows stay all.

    Where the sampling sees the first `seconds` only, so does this one.
    """
    match getattr(stream, "sampling", None):
        case None | Segments() | Windows():
            return stream
        case Adaptive(seconds=seconds) | Uniform(seconds=seconds):
            limit = seconds
        case _:
            limit = None
    return stream.model_copy(update={"sampling": Uniform(kind="uniform", frames=count, seconds=limit)})


def _changed(frames: np.ndarray, augment: Augmenter) -> np.ndarray:
    """Every frame of [..., H, W, 3] changed alike and brought back to its size."""
    height, width = frames.shape[-3:-1]
    flat = frames.reshape(-1, height, width, 3)
    return np.stack([fit(augment(frame), (height, width), "stretch") for frame in flat]).reshape(frames.shape)
