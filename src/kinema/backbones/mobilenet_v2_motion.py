"""The direction of motion by a network for pictures: three frames as the colours of one, forwards and
backwards.

A clip's first, middle and last frame, in grey, become the red, green and blue of one picture: what stands
still is grey, what moves has coloured edges, of one order ahead of it and of the other behind. The features
are

    d = f(first, middle, last) - f(last, middle, first)

with f the channel means of MobileNetV2's inner stages. A clip played backwards has exactly -d, and one in
which nothing moves has 0: appearance is taken out, and motion is left. ImageNet's values need no further
training.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import mobilenet_v2
from .spec import BackboneSpec, InputSpec

if TYPE_CHECKING:
    from .module import Backbone

# Channels of the stages that are read, by number: at 1/8, 1/16 and 1/16 of the picture's size.
STAGES = {2: 32, 3: 64, 4: 96}

SPEC = BackboneSpec(
    name="mobilenet_v2_motion",
    input=InputSpec("clip", size=(112, 112), length=5),
    features={"swap": sum(STAGES.values())},
    weights=mobilenet_v2.SPEC.weights,
    classifier=("classifier.", "conv_head.", "bn2.", "blocks.5.", "blocks.6."),
    summary="MobileNetV2's inner stages on three frames as one picture; the motion backbone of `lite-motion`",
)


def build(features: str | None = None, variant: str | None = None) -> Backbone:
    """The network for clips of three frames or more, random values; `variant` as for `mobilenet_v2`."""
    from .mobilenet_v2_motion_net import MotionPicture

    SPEC.features_name(features)
    return MotionPicture(mobilenet_v2.build(None, variant), tuple(STAGES))
