"""I3D on RGB clips: 1024-d features of any number of frames."""

from typing import Any

from .i3d import i3d_spec

SPEC = i3d_spec(
    "i3d_rgb",
    "clip",
    "rgb_imagenet.pt",
    summary="Inception-v1 I3D, RGB clips; the appearance half of two-stream I3D",
)


def build(features: str | None = None) -> Any:
    """I3D for RGB, random values."""
    from .i3d_net import I3D

    return I3D(3, features)
