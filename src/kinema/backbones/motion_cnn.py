"""The motion CNN of the three-stream paper: stacks of optical flow -> 2048-d features; trained from scratch.

conv1 (7x7x96, stride 2; pooling 3x3; norm) -> conv2 (5x5x256, stride 2; pooling 3x3) -> conv3, conv4, conv5
(3x3x512, stride 1; pooling 3x3 after conv5) -> full6 (4096; dropout) -> full7 (2048; dropout) -> softmax.
"""

from typing import Any

from .spec import BackboneSpec, InputSpec

STACK = 10

SPEC = BackboneSpec(
    name="motion_cnn",
    input=InputSpec("flow_stack", size=(240, 320), length=STACK),
    features={"full7": 2048},
    summary="two-dimensional CNN on stacks of optical flow; trained from scratch on your data",
)


def build(features: str | None = None, *, stack: int = STACK) -> Any:
    """The motion CNN for stacks of `stack` fields, random values."""
    from .motion_cnn_net import MotionCnn

    return MotionCnn(stack)
