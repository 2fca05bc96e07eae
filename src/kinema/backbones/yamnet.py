"""YAMNet: 1024-d features, and scores of the 521 AudioSet classes, of a log-mel example of 0.96 s.

MobileNet v1 (Howard et al. 2017, arXiv:1704.04861) on log-mel examples: a stem, 13 pairs of depthwise and
pointwise convolutions, global mean. This is the variant that was retrained with ReLU6 and has its batch norm
folded into the convolutions.
"""

from typing import Any

from ..weights.files import WeightFile
from .spec import BackboneSpec, InputSpec

SPEC = BackboneSpec(
    name="yamnet",
    input=InputSpec("logmel"),
    features={"pool": 1024},
    weights={
        "audioset": (
            WeightFile(
                files=("yamnet_audioset.safetensors",),
                sha256="18b9a9112d21417ffec5236d0b7364e9e76ddcd08e87cee09fe4a5c4255ddf4c",
                licence="sources Apache-2.0 (the TensorFlow authors); trained on AudioSet",
                notes="Converted from the 8-bit model google/lite-model/yamnet/classification/tflite/1.",
            ),
        )
    },
    summary="sound; small, with names for what it hears",
)


def build(features: str | None = None) -> Any:
    """YAMNet with random values."""
    from .yamnet_net import Yamnet

    return Yamnet()
