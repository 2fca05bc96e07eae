"""VGGish's post-processing: principal components, clipped and quantised to 8 bits, as AudioSet published.

Off for recognition: it is lossy and needs a second file. It serves those who compare or exchange features
with AudioSet or YouTube-8M.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import WeightsError

FILE = "vggish_pca_params-970ea276.pth"
URL = f"https://github.com/harritaylor/torchvggish/releases/download/v0.1/{FILE}"
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


@dataclass(frozen=True, slots=True)
class VggishPca:
    """`components` float64 [128, 128], one in each row, and `means` float64 [128]."""

    components: np.ndarray
    means: np.ndarray

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Features float32 [N, 128] -> uint8 [N, 128]: projected, clipped to ±2, spread over 0-255."""
        projected = (features - self.means) @ self.components.T
        return np.rint((projected.clip(-BOUND, BOUND) + BOUND) * (255.0 / (2 * BOUND))).astype(np.uint8)


def load_pca(path: str | Path) -> VggishPca:
    """Read the published file of components and means, executing nothing. Raises `WeightsError`."""
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
            f"cannot read {path} ({type(error).__name__}); put {FILE} from {URL} there"
        ) from None
    if components.shape != (DIM, DIM) or means.shape != (DIM,):
        raise WeightsError(f"{path} holds components of another shape; put {FILE} from {URL} there")
    return VggishPca(components, means)
