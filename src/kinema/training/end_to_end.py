"""Modules that run the backbone in front of what is trained with it."""

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from ..model.batch import pad_rows
from ..model.head import Output
from ..model.recognizer import Recognizer
from .clips import ClipBatch


class EndToEnd(nn.Module):
    """Backbones in front of a recogniser: clips -> features -> class scores."""

    def __init__(self, backbones: Mapping[str, Sequence[nn.Module]], recognizer: Recognizer):
        super().__init__()
        self.backbones = nn.ModuleDict({name: nn.ModuleList(found) for name, found in backbones.items()})
        self.recognizer = recognizer

    def forward(self, batch: ClipBatch) -> Output:
        """Class scores of a batch of videos."""
        sequences = {}
        for name, found in self.backbones.items():
            inputs = zip(found, batch.inputs[name], strict=True)  # type: ignore[call-overload]
            features = torch.cat([backbone(x) for backbone, x in inputs], dim=1)
            sequences[name] = pad_rows(features.split(batch.lengths[name].tolist()))
        return self.recognizer(sequences)


class ClipClassifier(nn.Module):
    """The backbone of one stream with a dense layer on its features: single clips -> class scores."""

    def __init__(self, stream: str, backbone: nn.Module, dim: int, classes: int):
        super().__init__()
        self.stream, self.backbone, self.head = stream, backbone, nn.Linear(dim, classes)

    def forward(self, batch: ClipBatch) -> Output:
        """Class scores of a batch of single clips."""
        return Output(self.head(self.backbone(batch.inputs[self.stream][0])))
