"""Displacement as colour: direction is hue, length is saturation, no motion is white."""

import numpy as np

# Steps between the wheel's corners: red, yellow, green, cyan, blue, magenta, and back to red; as many as
# people can tell apart there (Baker et al. 2011, A Database and Evaluation Methodology for Optical Flow).
_STEPS = (15, 6, 4, 11, 13, 6)
_CORNERS = np.array(
    [[255, 0, 0], [255, 255, 0], [0, 255, 0], [0, 255, 255], [0, 0, 255], [255, 0, 255]], np.float32
)


def color_wheel() -> np.ndarray:
    """The wheel's 55 hues once around, float32 [55, 3], RGB in 0..255; the first is red."""
    arcs = []
    for corner, steps in enumerate(_STEPS):
        start, end = _CORNERS[corner], _CORNERS[(corner + 1) % len(_CORNERS)]
        arcs.append(start + (end - start) * (np.arange(steps, dtype=np.float32) / steps)[:, None])
    return np.concatenate(arcs)


def flow_to_color(field: np.ndarray, max_px: float | None = None) -> np.ndarray:
    """A field [2, H, W] in pixels as uint8 [H, W, 3], RGB; red points right, yellow and green down.

    Motion of `max_px` pixels (default: the longest in this field) has full saturation, longer motion is
    darker. Values that are not finite are black.
    """
    u, v = np.asarray(field, np.float32)
    finite = np.isfinite(u) & np.isfinite(v)
    u, v = np.where(finite, u, 0), np.where(finite, v, 0)
    length = np.hypot(u, v)
    scale = np.float32(max_px) if max_px is not None else length.max(initial=0)
    length = length / max(scale, np.float32(1e-6))
    wheel = color_wheel()
    # Angle as a position on the wheel: 0 is to the right, a quarter is down (y grows downwards).
    place = (np.arctan2(v, u) / (2 * np.pi) % 1.0) * len(wheel)
    low = np.minimum(place.astype(np.int64), len(wheel) - 1)
    part = (place - low)[..., None].astype(np.float32)
    hue = wheel[low] * (1 - part) + wheel[(low + 1) % len(wheel)] * part
    length = length[..., None]
    color = np.where(length <= 1, 255 - np.minimum(length, 1) * (255 - hue), hue * 0.75)
    return np.where(finite[..., None], np.rint(color), 0).astype(np.uint8)
