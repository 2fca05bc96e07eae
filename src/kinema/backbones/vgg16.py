"""VGG16 (Simonyan & Zisserman 2015, arXiv:1409.1556) from torchvision: the last max pooling.

`flatten` is channel by channel (C, H, W), where Keras flattens (H, W, C): the same 25088 numbers in another
order, which a trained layer on top does not see. The values are torchvision's, with inputs scaled to [0, 1]
and normalised by ImageNet's mean and deviation; Keras' VGG16 comes from Caffe and wants BGR less its mean.
"""

from itertools import pairwise
from typing import Any

from ..weights.files import torchvision_file
from .spec import BackboneSpec, InputSpec

SPEC = BackboneSpec(
    name="vgg16",
    input=InputSpec("frame", size=(224, 224)),
    features={"flatten": 25088, "pool": 512},
    weights={"imagenet": (torchvision_file("vgg16-397923af.pth"),)},
    classifier=("classifier.",),
    summary="13 convolutions in five blocks; the backbone of `vgg16-lstm`",
)


def build(features: str | None = None) -> Any:
    """VGG16's convolutions with random values: 25088-d (`flatten`) or 512-d (`pool`)."""
    import torch
    from torch import nn
    from torchvision.models import vgg16

    from .image import ImageBackbone

    with torch.device("meta"):  # the classifier's 124 million values are never made
        net = vgg16(weights=None, init_weights=False)
    net.classifier = nn.Identity()
    net.to_empty(device="cpu")
    layers = list(net.features)
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            layer.reset_parameters()
    net.avgpool = nn.AdaptiveAvgPool2d(1 if features == "pool" else 7)
    ends = [0, *(i + 1 for i, layer in enumerate(layers) if isinstance(layer, nn.MaxPool2d))]
    return ImageBackbone(net, [nn.Sequential(*layers[start:stop]) for start, stop in pairwise(ends)])
