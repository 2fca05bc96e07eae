"""VGGish (Hershey et al. 2017, arXiv:1609.09430): 128-d features of a log-mel example of 0.96 s.

Six 3x3 convolutions with four poolings, then 4096, 4096 and 128 fully connected, each with a ReLU. The last
ReLU is part of the PyTorch port whose checkpoints are in use. The principal components and 8-bit
quantising of the published AudioSet features are a step of their own, `vggish_pca`, and no part of this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..audio.logmel import VGGISH
from .spec import BackboneSpec, InputSpec, WeightFile

if TYPE_CHECKING:
    from .module import Backbone

FRONT_END = VGGISH

SPEC = BackboneSpec(
    name="vggish",
    input=InputSpec("logmel"),
    features={"embedding": 128},
    weights={
        "audioset": (
            WeightFile(
                files=("vggish-10086976.pth",),
                url="https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth",
                sha256="10086976",
                licence="Apache-2.0; trained on YouTube-8M sound by Google, ported to PyTorch",
            ),
        )
    },
    summary="sound, the audio stream of `three-stream`",
)


def build(features: str | None = None) -> Backbone:
    """VGGish with random values."""
    from .vggish_net import Vggish

    SPEC.features_name(features)
    return Vggish()
