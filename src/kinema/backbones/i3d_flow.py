"""I3D on optical flow: 1024-d features of any number of fields, clipped (20 px) and scaled to [-1, 1]."""

from typing import Any

from .i3d import i3d_spec

SPEC = i3d_spec(
    "i3d_flow",
    "flow_clip",
    "flow_imagenet.pt",
    summary="Inception-v1 I3D, optical flow; the motion half of two-stream I3D",
    notes="Trained on TV-L1 flow clipped at 20 pixels.",
)


def build(features: str | None = None) -> Any:
    """I3D for flow, random values."""
    from .i3d_net import I3D

    return I3D(2, features)
