"""GoogLeNet (Szegedy et al. 2015, arXiv:1409.4842) with batch norm, from torchvision: 1024-d pooled features.

torchvision's values come from TensorFlow: inputs in [-1, 1]. Its `transform_input` undoes ImageNet's
normalisation first; here the frame is scaled to [-1, 1] at once, which is the same. Its branch named
5x5 has 3x3 filters, as its values do. The two auxiliary classifiers are for training only and left out.
"""

from typing import Any

from ..weights.files import torchvision_file
from .spec import BackboneSpec, InputSpec

SPEC = BackboneSpec(
    name="googlenet",
    input=InputSpec("frame", size=(224, 224)),
    features={"pool": 1024},
    weights={"imagenet": (torchvision_file("googlenet-1378be20.pth"),)},
    classifier=("aux1.", "aux2.", "fc."),
    summary="nine inception blocks; one half of `dual-cnn-gru`",
)


def build(features: str | None = None) -> Any:
    """GoogLeNet with random values, without its classifiers."""
    from torch import nn
    from torchvision.models import googlenet

    from .image import HALF, ImageBackbone

    net = googlenet(weights=None, aux_logits=False, transform_input=False, init_weights=False)
    net.dropout, net.fc = nn.Identity(), nn.Identity()
    inception = [part for name, part in net.named_children() if name.startswith("inception")]
    return ImageBackbone(net, [net.conv1, net.conv2, net.conv3, *inception], mean=HALF, std=HALF)
