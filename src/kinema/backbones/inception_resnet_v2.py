"""Inception-ResNet-v2 (Szegedy et al. 2017, arXiv:1602.07261) from timm: 1536-d pooled features at 299x299.

The values are TensorFlow's own, carried over by timm; inputs in [-1, 1].
"""

from typing import Any

from ..weights.files import WeightFile
from .spec import BackboneSpec, InputSpec

SPEC = BackboneSpec(
    name="inception_resnet_v2",
    input=InputSpec("frame", size=(299, 299)),
    features={"pool": 1536},
    weights={
        "imagenet": (
            WeightFile(
                files=("inception_resnet_v2-940b1cd6.pth", "inception_resnet_v2.tf_in1k.safetensors"),
                url="https://github.com/rwightman/pytorch-image-models/releases/download/"
                "v0.1-weights/inception_resnet_v2-940b1cd6.pth",
                licence="Apache-2.0 (TensorFlow, timm); trained on ImageNet-1k, whose terms are for research",
                notes="On the Hugging Face hub as timm/inception_resnet_v2.tf_in1k, file model.safetensors: "
                "rename it to the second name.",
            ),
        )
    },
    classifier=("classif.", "last_linear."),
    summary="40 residual inception blocks; the backbone of `three-stream`, one half of `dual-cnn-gru`",
)


def build(features: str | None = None) -> Any:
    """Inception-ResNet-v2 with random values, without its classifier."""
    import timm

    from .image import HALF, ImageBackbone

    net: Any = timm.create_model("inception_resnet_v2", num_classes=0)
    stem = [net.conv2d_1a, net.conv2d_2a, net.conv2d_2b, net.conv2d_3b, net.conv2d_4a, net.mixed_5b]
    middle = [*net.repeat, net.mixed_6a, *net.repeat_1, net.mixed_7a]
    last = [*net.repeat_2, net.block8, net.conv2d_7b]
    return ImageBackbone(net, [*stem, *middle, *last], mean=HALF, std=HALF)
