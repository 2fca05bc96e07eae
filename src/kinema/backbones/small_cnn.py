"""A small CNN of our own, to be trained from scratch in minutes: three frames -> 512-d features.

It sees the middle frame's colours and two measures of motion: the difference of frames, in which a still
background vanishes, and what of it a shift by one pixel does not explain, in which a shaking one does.
All are the same played backwards: what such a step cannot tell is the order of frames, which is the
temporal model's to learn.
"""

from typing import Any

from .spec import BackboneSpec, InputSpec

SPEC = BackboneSpec(
    name="small_cnn",
    input=InputSpec("clip", size=(80, 80), crop="stretch", length=3),
    features={"grid": 512},
    summary="four convolutions on colours and motion energy of three frames; trained on your data",
)


def build(features: str | None = None) -> Any:
    """The network with random values."""
    from .small_cnn_net import SmallCnn

    return SmallCnn()
