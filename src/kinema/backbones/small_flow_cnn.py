"""The small CNN on optical flow, to be trained from scratch in minutes: a stack of fields -> 512-d features.

Each field loses its mean first, which takes a shaking camera out (Simonyan and Zisserman 2014, section 3.2).
Unlike the steps of `small_cnn`, a stack tells forwards from backwards: played backwards, every field turns
round.
"""

from typing import Any

from .spec import BackboneSpec, InputSpec

STACK = 10

SPEC = BackboneSpec(
    name="small_flow_cnn",
    input=InputSpec("flow_stack", size=(80, 80), crop="stretch", length=STACK),
    features={"grid": 512},
    summary="four convolutions on stacks of optical flow; trained on your data",
)


def build(features: str | None = None, *, stack: int = STACK) -> Any:
    """The network for stacks of `stack` fields, random values."""
    from .small_cnn_net import SmallFlowCnn

    return SmallFlowCnn(stack)
