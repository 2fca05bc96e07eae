"""VGGish (Hershey et al. 2017, arXiv:1609.09430): 128-d features of a log-mel example of 0.96 s.

Six 3x3 convolutions with four poolings, then 4096, 4096 and 128 fully connected, each with a ReLU. The last
ReLU is part of the PyTorch port whose checkpoints are in use. `features: quantised` adds the principal
components and 8 bits of the published AudioSet features.
"""

from pathlib import Path
from typing import Any

from ..weights.files import WeightFile
from .spec import BackboneSpec, InputSpec

PCA_FILE = WeightFile(
    files=("vggish_pca_params-970ea276.pth",),
    url="https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish_pca_params-970ea276.pth",
    licence="Apache-2.0; fitted on YouTube-8M sound by Google",
)

SPEC = BackboneSpec(
    name="vggish",
    input=InputSpec("logmel"),
    features={"embedding": 128, "quantised": 128},
    weights={
        "audioset": (
            WeightFile(
                files=("vggish-10086976.pth",),
                url="https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth",
                licence="Apache-2.0; trained on YouTube-8M sound by Google, ported to PyTorch",
            ),
        )
    },
    second_files={"quantised": PCA_FILE},
    summary="sound, the audio stream of `three-stream`",
)


def build(features: str | None = None) -> Any:
    """VGGish with random values; its PCA not loaded yet."""
    from .vggish_net import Vggish

    return Vggish(quantised=features == "quantised")


def second_state(path: Path) -> dict[str, Any]:
    """The principal components of `features: quantised`, by the names of the module's values."""
    from .vggish_net import load_pca

    return {f"quantise.{key}": value for key, value in load_pca(path).items()}
