"""The parameters of TV-L1 optical flow, shared by its implementations. Imports neither numba nor torch."""

from dataclasses import asdict, dataclass

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
        for name in ("tau", "lambda_", "theta"):
            if not getattr(self, name) > 0:
                raise UsageError(f"TV-L1 {name}={getattr(self, name)} makes no sense; give a number above 0")
        for name in ("nscales", "warps", "inner_iterations", "outer_iterations"):
            if getattr(self, name) < 1:
                raise UsageError(f"TV-L1 {name}={getattr(self, name)} makes no sense; give 1 or more")
        if not 0 < self.scale_step < 1:
            raise UsageError(f"TV-L1 scale_step={self.scale_step} makes no sense; give one between 0 and 1")
        if self.epsilon < 0:
            raise UsageError(f"TV-L1 epsilon={self.epsilon} makes no sense; give 0 or more")
        if self.median_filtering not in (1, 3, 5):
            raise UsageError(
                f"TV-L1 median_filtering={self.median_filtering} is not offered; give 1 (off), 3 or 5"
            )

    def sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        """(height, width) of the pyramid's levels, finest first; levels under 16 pixels are left out."""
        sizes = [(height, width)]
        while len(sizes) < self.nscales:
            height, width = round(height * self.scale_step), round(width * self.scale_step)
            if min(height, width) < MIN_LEVEL_SIDE:
                break
            sizes.append((height, width))
        return sizes

    def describe(self) -> dict[str, float | int]:
        """Every parameter by name, for fingerprints."""
        return asdict(self)


def luma(frame: np.ndarray) -> np.ndarray:
    """A frame, uint8 [H, W] or RGB [H, W, 3], as grey [H, W]."""
    return frame if frame.ndim == 2 else grey(frame)


def grey(frame: np.ndarray) -> np.ndarray:
    """RGB uint8 [..., 3] -> grey uint8 [...]: 0.299 R + 0.587 G + 0.114 B in 15-bit fixed point.

    The weights and the rounding of OpenCV's COLOR_RGB2GRAY, to the bit.
    """
    red, green, blue = (frame[..., c].astype(np.int32) for c in range(3))
    return ((9798 * red + 19235 * green + 3735 * blue + (1 << 14)) >> 15).astype(np.uint8)
