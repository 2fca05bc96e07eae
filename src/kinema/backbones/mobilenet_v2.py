"""MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381), width 1.0: 1280-d pooled features."""

from typing import Any

from ..weights.files import WeightFile
from .spec import BackboneSpec, InputSpec

SPEC = BackboneSpec(
    name="mobilenet_v2",
    input=InputSpec("frame", size=(224, 224)),
    features={"pool": 1280},
    weights={
        "imagenet": (
            WeightFile(
                files=("mobilenet_v2_imagenet_timm.safetensors",),
                sha256="1810f76f03be422d8e9acf6aa127680c6588cc40c671e6f6df485a621c1cc890",
                licence="Apache-2.0; trained on ImageNet-1k",
                notes="Converted from TensorFlow's quantisation-aware MobileNetV2: its padding is "
                "TensorFlow's `same`, its input (x - 128) / 128, its batch norm folded into scale and shift.",
            ),
            WeightFile(
                files=("mobilenetv2_100_ra-b33bc2c4.pth", "mobilenetv2_100.ra_in1k.safetensors"),
                url="https://github.com/rwightman/pytorch-image-models/releases/download/"
                "v0.1-weights/mobilenetv2_100_ra-b33bc2c4.pth",
                licence="Apache-2.0; trained on ImageNet-1k",
                notes="timm's own training: symmetric padding, ImageNet mean and standard deviation.",
                variant="symmetric",
            ),
        )
    },
    classifier=("classifier.",),
    summary="small and fast; the backbone of `lite`",
)


def build(features: str | None = None, variant: str | None = None) -> Any:
    """MobileNetV2, random values; `variant="symmetric"` pads and normalises as timm's own weights need."""
    from torch.nn import Sequential

    from .image import ImageBackbone
    from .mobilenet_v2_net import MobileNetV2

    symmetric = variant == "symmetric"
    net = MobileNetV2(same=not symmetric)
    bottlenecks = [block for stage in net.blocks for block in stage.children()]
    blocks = [Sequential(net.conv_stem, net.bn1), *bottlenecks, Sequential(net.conv_head, net.bn2)]
    normalisation = {} if symmetric else {"mean": (128 / 255,) * 3, "std": (128 / 255,) * 3}
    return ImageBackbone(net, blocks, **normalisation)
