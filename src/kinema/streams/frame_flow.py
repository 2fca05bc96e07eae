"""A frame and the flow over it, for backbones that join the two."""

from collections.abc import Sequence

import numpy as np

from ..flow.methods import FlowMethod

# The method, with its own parameters; no weights are needed for it.
METHOD = "tvl1"


def frame_flow(frames: Sequence[np.ndarray], method: FlowMethod) -> np.ndarray:
    """Frames uint8 [H, W, 3] of one clip -> float32 [H, W, 5], see `InputSpec`; one frame does not move."""
    (field,) = method.fields([frames[0], frames[-1]])
    middle = frames[len(frames) // 2].astype(np.float32)
    return np.concatenate([middle, np.moveaxis(field, 0, -1)], axis=2)
