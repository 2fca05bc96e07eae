"""What moves, and which way: MobileNetV2's inner features carried by optical flow.

A clip's middle frame gives the channels A_c(y, x) of two inner stages, TV-L1 from its first frame to its last
the displacement (u, v). The features are

    mean over (y, x) of A_c u, and of A_c v

for every channel c, with the flow averaged over each cell of the stage and divided by its mean length (and a
tenth of a pixel): which way, not how fast, so that one fast step does not outweigh the others. A clip in
which nothing moves has 0, and one played backwards has nearly the negative: appearance alone is taken out.
ImageNet's values need no further training.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import mobilenet_v2
from .spec import BackboneSpec, InputSpec

if TYPE_CHECKING:
    from .module import Backbone

# Channels of the stages that are read, by number: at 1/8 and 1/16 of the picture's size.
STAGES = {2: 32, 3: 64}

SPEC = BackboneSpec(
    name="mobilenet_v2_motion",
    input=InputSpec("frame_flow", size=(112, 112), length=3),
    features={"carried": 2 * sum(STAGES.values())},
    weights=mobilenet_v2.SPEC.weights,
    classifier=("classifier.", "conv_head.", "bn2.", "blocks.4.", "blocks.5.", "blocks.6."),
    summary="MobileNetV2's inner features carried by TV-L1 flow; the motion backbone of `lite-motion`",
)


def build(features: str | None = None, variant: str | None = None) -> Backbone:
    """The network for frames with their flow, random values; `variant` as for `mobilenet_v2`."""
    from .mobilenet_v2_motion_net import CarriedFeatures

    SPEC.features_name(features)
    return CarriedFeatures(mobilenet_v2.build(None, variant), tuple(STAGES))
