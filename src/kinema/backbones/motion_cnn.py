"""The motion CNN of the three-stream paper: stacks of optical flow -> 2048-d features; trained from scratch.

conv1 (7x7x96, stride 2; pooling 3x3; norm) -> conv2 (5x5x256, stride 2; pooling 3x3) -> conv3, conv4, conv5
(3x3x512, stride 1; pooling 3x3 after conv5) -> full6 (4096; dropout) -> full7 (2048; dropout) -> softmax.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .spec import BackboneSpec, InputSpec

if TYPE_CHECKING:
    from .motion_cnn_net import MotionCnn

STACK = 10

SPEC = BackboneSpec(
    name="motion_cnn",
    input=InputSpec("flow_stack", size=(240, 320), length=STACK),
    features={"full7": 2048},
    summary="two-dimensional CNN on stacks of optical flow; trained from scratch on your data",
)


def build(features: str | None = None, *, stack: int = STACK) -> MotionCnn:
    """The motion CNN for stacks of `stack` fields, random values."""
    from .motion_cnn_net import MotionCnn

    SPEC.features_name(features)
    return MotionCnn(stack)
