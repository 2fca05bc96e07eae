"""ResNet152 (He et al. 2016, arXiv:1512.03385) from torchvision: 2048-d pooled features.

torchvision's is the variant known as v1.5: a bottleneck that halves the size does so in its 3x3
convolution, where the paper (and Keras) does it in the 1x1 before.
"""

from typing import Any

from ..weights.files import torchvision_file
from .spec import BackboneSpec, InputSpec

SPEC = BackboneSpec(
    name="resnet152",
    input=InputSpec("frame", size=(224, 224)),
    features={"pool": 2048},
    weights={
        "imagenet": (
            torchvision_file(
                "resnet152-394f9c45.pth", notes="torchvision's first version, trained as in the paper."
            ),
        ),
        "imagenet_v2": (
            torchvision_file(
                "resnet152-f82ba261.pth",
                notes="torchvision's newer training; better on ImageNet, published after the papers.",
            ),
        ),
    },
    classifier=("fc.",),
    summary="fifty bottleneck blocks; the backbone of `corehar`",
)


def build(features: str | None = None) -> Any:
    """ResNet152 with random values, without its classifier."""
    from torch import nn
    from torchvision.models import resnet152

    from .image import ImageBackbone

    net = resnet152(weights=None)
    net.fc = nn.Identity()
    bottlenecks = [block for layer in (net.layer1, net.layer2, net.layer3, net.layer4) for block in layer]
    for block in bottlenecks:  # fifty full-size random residuals would magnify every rounding error
        nn.init.constant_(block.bn3.weight, 0.2)
    return ImageBackbone(net, [nn.Sequential(net.conv1, net.bn1), *bottlenecks])
