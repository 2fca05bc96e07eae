"""The parameters of TV-L1 optical flow, shared by its implementations. Imports neither numba nor torch."""

from dataclasses import dataclass

import numpy as np

from ..errors import UsageError

MIN_LEVEL_SIDE = 16


@dataclass(frozen=True, slots=True)
class Tvl1Options:
    """Names, defaults and meaning as in OpenCV's `DualTVL1OpticalFlow`; `epsilon` is in pixels.

    tau: time step. lambda_: weight of the data term. theta: coupling. nscales: pyramid levels, each
    `scale_step` times the size of the one before. warps: warpings a level. epsilon: iterations stop when
    the root mean square change of the field falls to it. inner_iterations, outer_iterations: bounds on
    iterations between two median filterings, and on those. median_filtering: side of the median, 1 is off.
    """

    tau: float = 0.25
    lambda_: float = 0.15
    theta: float = 0.3
    nscales: int = 5
    warps: int = 5
    epsilon: float = 0.01
    inner_iterations: int = 30
    outer_iterations: int = 10
    scale_step: float = 0.8
    median_filtering: int = 5

    def __post_init__(self) -> None:
        for fits, cure, *names in (
            (lambda v: v > 0, "a number above 0", "tau", "lambda_", "theta"),
            (lambda v: v >= 1, "1 or more", "nscales", "warps", "inner_iterations", "outer_iterations"),
            (lambda v: 0 < v < 1, "one between 0 and 1", "scale_step"),
            (lambda v: v >= 0, "0 or more", "epsilon"),
            (lambda v: v in (1, 3, 5), "1 (off), 3 or 5", "median_filtering"),
        ):
            for name in names:
                if not fits(getattr(self, name)):
                    raise UsageError(f"TV-L1 {name}={getattr(self, name)} makes no sense; give {cure}")

    def sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        """(height, width) of the pyramid's levels, finest first; levels under 16 pixels are left out."""
        sizes = [(height, width)]
        while len(sizes) < self.nscales:
            height, width = round(height * self.scale_step), round(width * self.scale_step)
            if min(height, width) < MIN_LEVEL_SIDE:
                break
            sizes.append((height, width))
        return sizes


def luma(frame: np.ndarray) -> np.ndarray:
    """A frame, uint8 [H, W] or RGB [H, W, 3], as grey [H, W]."""
    return frame if frame.ndim == 2 else grey(frame)


def grey(frame: np.ndarray) -> np.ndarray:
    """RGB uint8 [..., 3] -> grey uint8 [...]: 0.299 R + 0.587 G + 0.114 B in 15-bit fixed point.

    The weights and the rounding of OpenCV's COLOR_RGB2GRAY, to the bit.
    """
    red, green, blue = (frame[..., c].astype(np.int32) for c in range(3))
    return ((9798 * red + 19235 * green + 3735 * blue + (1 << 14)) >> 15).astype(np.uint8)
