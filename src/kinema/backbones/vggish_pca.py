"""VGGish's post-processing: principal components, clipped and quantised to 8 bits, as AudioSet published.

Off for recognition: it is lossy and needs a second file. `streams.audio.features=quantised` turns it on, for
those who compare or exchange features with AudioSet or YouTube-8M.
"""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import WeightsError

BOUND = 2.0
DIM = 128

# The published file holds NumPy arrays. These names let the restricted reader make arrays, no more.
_ARRAYS: list[Any] = [
    (np.empty(0).__reduce__()[0], "numpy.core.multiarray._reconstruct"),
    np.empty(0).__reduce__()[0],
    np.ndarray,
    np.dtype,
    np.dtypes.Float32DType,
    np.dtypes.Float64DType,
]


class Quantise(nn.Module):
    """Features float32 [N, 128] -> float32 [N, 128]: projected, clipped to +-2, spread over 0-255, rounded.

    `components` float32 [128, 128], one in each row, and `means` float32 [128].
    """

    components: Tensor
    means: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("components", torch.eye(DIM))
        self.register_buffer("means", torch.zeros(DIM))

    def forward(self, features: Tensor) -> Tensor:
        """Project and quantise; what AudioSet stores as bytes."""
        projected = (features - self.means) @ self.components.T
        return ((projected.clamp(-BOUND, BOUND) + BOUND) * (255.0 / (2 * BOUND))).round()


def load_pca(path: str | Path) -> dict[str, Tensor]:
    """`Quantise`'s values from the published file, executing nothing. Raises `WeightsError`."""
    try:
        with torch.serialization.safe_globals(_ARRAYS):
            state = torch.load(path, map_location="cpu", weights_only=True)
        components = np.asarray(state["pca_eigen_vectors"], dtype=np.float64)
        means = np.asarray(state["pca_means"], dtype=np.float64).reshape(-1)
    except (
        OSError,
        pickle.UnpicklingError,
        RuntimeError,
        EOFError,
        KeyError,
        TypeError,
        ValueError,
    ) as error:
        raise WeightsError(
            f"cannot read {path} ({type(error).__name__}); put the published file there"
        ) from None
    if components.shape != (DIM, DIM) or means.shape != (DIM,):
        raise WeightsError(f"{path} holds components of another shape; put the published file there")
    return {"components": torch.from_numpy(components).float(), "means": torch.from_numpy(means).float()}
