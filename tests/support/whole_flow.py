"""TV-L1 on all frames at once, one pair after the other: what the method gives along a video."""

from itertools import pairwise
from typing import Any

import numpy as np

from kinema.flow.tvl1_numba import Pyramid, pair_field
from kinema.flow.tvl1_options import Tvl1Options, luma


def tvl1(frames: np.ndarray, **options: Any) -> np.ndarray:
    """Fields float32 [T - 1, 2, H, W] between consecutive frames, uint8 [T, H, W] or RGB [T, H, W, 3]."""
    chosen = Tvl1Options(**options)
    pyramids = [Pyramid(luma(frame), chosen) for frame in frames]
    return np.stack([pair_field(first, second, chosen) for first, second in pairwise(pyramids)])
