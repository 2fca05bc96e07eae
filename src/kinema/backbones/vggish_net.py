"""VGGish as a torch module, with the key names of the PyTorch checkpoints in use."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import WeightsError
from ..weights.read import DAMAGED
from .module import Backbone

# Output channels of each convolution; M is a 2x2 max pooling.
LAYERS: tuple[int | str, ...] = (64, "M", 128, "M", 256, 256, "M", 512, 512, "M")
DIM = 128
EMBEDDING = (6 * 4 * 512, 4096, 4096, DIM)  # from 96x64 after four poolings
BOUND = 2.0

# The published file of the components holds NumPy arrays. These names let the restricted reader make them.
_ARRAYS: list[Any] = [
    (np.empty(0).__reduce__()[0], "numpy.core.multiarray._reconstruct"),
    np.empty(0).__reduce__()[0],
    np.ndarray,
    np.dtype,
    np.dtypes.Float32DType,
    np.dtypes.Float64DType,
]


class Vggish(Backbone):
    """Log-mel examples float32 [N, 96, 64] -> features float32 [N, 128], not negative.

    `quantised` adds AudioSet's post-processing: whole numbers from 0 to 255.
    """

    def __init__(self, quantised: bool = False) -> None:
        super().__init__()
        self.quantise = Quantise() if quantised else None
        self.features = _convolutions()
        dense = [layer for a, b in pairwise(EMBEDDING) for layer in (nn.Linear(a, b), nn.ReLU())]
        self.embeddings = nn.Sequential(*dense)

    def blocks(self) -> list[nn.Module]:
        """Each convolution and each fully connected layer."""
        layers = [*self.features, *self.embeddings]
        return [layer for layer in layers if isinstance(layer, nn.Conv2d | nn.Linear)]

    def forward(self, x: Tensor) -> Tensor:
        maps = self.features(self.cast(x).unsqueeze(1))
        # The dense weights come from TensorFlow: they expect the channels last, [6, 4, 512], when flattened.
        features = self.embeddings(maps.permute(0, 2, 3, 1).flatten(1)).float()
        return features if self.quantise is None else self.quantise(features)


def _convolutions() -> nn.Sequential:
    layers: list[nn.Module] = []
    channels = 1
    for width in LAYERS:
        if isinstance(width, str):
            layers.append(nn.MaxPool2d(2))
        else:
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
    return nn.Sequential(*layers)


class Quantise(nn.Module):
    """Principal components, clipped and quantised to 8 bits, as AudioSet published: float32 [N, 128] -> same.

    `components` float32 [128, 128], one in each row, and `means` float32 [128]. Lossy: for those who compare
    or exchange features with AudioSet or YouTube-8M.
    """

    components: Tensor
    means: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("components", torch.eye(DIM))
        self.register_buffer("means", torch.zeros(DIM))

    def forward(self, features: Tensor) -> Tensor:
        projected = (features - self.means) @ self.components.T
        return ((projected.clamp(-BOUND, BOUND) + BOUND) * (255.0 / (2 * BOUND))).round()


def load_pca(path: str | Path) -> dict[str, Tensor]:
    """`Quantise`'s values from the published file, executing nothing. Raises `WeightsError`."""
    try:
        with torch.serialization.safe_globals(_ARRAYS):
            state = torch.load(path, map_location="cpu", weights_only=True)
        components = torch.as_tensor(state["pca_eigen_vectors"]).float()
        means = torch.as_tensor(state["pca_means"]).float().flatten()
    except (*DAMAGED, TypeError) as error:
        raise WeightsError(
            f"cannot read {path} ({type(error).__name__}); put the published file there"
        ) from None
    if components.shape != (DIM, DIM) or means.shape != (DIM,):
        raise WeightsError(f"{path} holds components of another shape; put the published file there")
    return {"components": components, "means": means}
