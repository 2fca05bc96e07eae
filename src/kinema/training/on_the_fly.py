"""The temporal stage with augmentation on the fly: frozen backbones see new versions every epoch."""

from collections.abc import Mapping, Sequence

import numpy as np

from ..extraction.loaded import LoadedStream
from ..model.items import FeatureDataset, FeatureItem
from ..model.recognizer import Recognizer
from ..types import FeatureSequence
from .clips import ClipItem, Clips, version_of
from .fit import fit
from .samplers import EpochSampler
from .stage import FitOptions, Row


class FreshSequences(FeatureDataset):
    """Feature sequences of augmented videos, computed anew at every access, one video at a time.

    `videos` are the clips of `items`, in the same order.
    """

    def __init__(
        self,
        items: Sequence[FeatureItem],
        videos: Clips,
        streams: Mapping[str, LoadedStream],
        epochs: EpochSampler,
    ):
        super().__init__(items)
        self.videos, self.epochs = videos, epochs
        self.computes = {name: stream.compute for name, stream in streams.items()}

    def __getitem__(self, index: int) -> tuple[int, dict[str, FeatureSequence], int]:
        return index, {name: self._sequence(index, name) for name in self.computes}, self.items[index].label

    def _sequence(self, index: int, name: str) -> FeatureSequence:
        clips = self.videos.of(self.videos.items[index], name, version_of(self.epochs))
        compute = self.computes[name]
        features = (
            compute([clip.inputs for clip in clips]) if clips else np.zeros((0, compute.dim), np.float32)
        )
        return FeatureSequence(features, np.array([c.pts_seconds for c in clips]), present=bool(clips))


def fit_on_the_fly(
    model: Recognizer,
    streams: Mapping[str, LoadedStream],
    videos: Sequence[ClipItem],
    train: Sequence[FeatureItem],
    val: Sequence[FeatureItem],
    options: FitOptions,
) -> list[Row]:
    """`fit`, but the sequences of `train` come from the clips of `videos`, the same ones in the same order.

    Validation sequences are those of the store. The backbones run in batches of the size that extraction
    has; no more is in memory than the clips of one video, and those that `Clips` keeps.
    """
    ((_, first), *_) = streams.items()
    clips = Clips(videos, {name: stream.spec for name, stream in streams.items()}, first.tools)
    return fit(model, train, val, options, lambda order: FreshSequences(train, clips, streams, order))
