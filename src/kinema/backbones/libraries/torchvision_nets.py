"""torchvision's classifiers without their last layers: what comes out is what the classifier is given."""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import Any

from torch import Tensor, nn
from torchvision.models import video

from ...errors import UsageError


def without_classifier(net: Any, name: str) -> nn.Module:
    """`net` with its classifier, dropout included, taken out. Raises `UsageError` where there is none."""
    if hasattr(net, "aux_logits"):  # classifiers for training only
        net.aux_logits = False
        for name_of_part in ("aux1", "aux2", "AuxLogits"):
            if hasattr(net, name_of_part):
                setattr(net, name_of_part, None)
    if isinstance(net, video.S3D):
        return _S3dFeatures(net)
    if type(net).__name__ == "SqueezeNet":  # its classifier is a convolution ahead of the pool
        net.classifier = nn.Sequential(nn.AdaptiveAvgPool2d(1))
        return net
    for attribute in ("fc", "classifier", "head", "heads"):
        part = getattr(net, attribute, None)
        if isinstance(part, nn.Module):
            setattr(net, attribute, _kept(part))
            if isinstance(getattr(net, "dropout", None), nn.Dropout) and attribute == "fc":
                net.dropout = nn.Identity()
            return net
    raise UsageError(f"{name} has no classifier to take features from; `kinema backbones` lists what has")


def _kept(classifier: nn.Module) -> nn.Module:
    """The norms and shapes of a classifier that come ahead of its last linear layer.

    Of several linear layers (VGG, AlexNet, MobileNetV3, MaxViT) all but the last are kept, as published.
    """
    if not isinstance(classifier, nn.Sequential):
        return nn.Identity()
    layers = list(classifier.named_children())
    last = max((i for i, (_, part) in enumerate(layers) if isinstance(part, nn.Linear)), default=None)
    kept = layers if last is None else layers[:last]
    result = nn.Sequential()
    for key, part in kept:
        result.add_module(key, part)
    return result


def published_names(model: str, state: dict[str, Tensor], net: nn.Module) -> dict[str, Tensor]:
    """The values of a published file by today's names; DenseNet's are older than its names."""
    if model.startswith("densenet"):
        old = re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\.\w+)$")
        state = {old.sub(r"\1\2", key): value for key, value in state.items()}
    named: Any = OrderedDict(state)
    named._metadata = getattr(net.state_dict(), "_metadata", None)  # MNASNet asks for its version
    return named


class _S3dFeatures(nn.Module):
    """S3D up to its pool, then the mean over what is left of space and time."""

    def __init__(self, net: video.S3D):
        super().__init__()
        self.features, self.avgpool = net.features, net.avgpool

    def forward(self, x: Tensor) -> Tensor:
        return self.avgpool(self.features(x)).mean(dim=(2, 3, 4))
