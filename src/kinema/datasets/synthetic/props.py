"""Things that stand beside the figure or are in its hand."""

import numpy as np
from PIL import ImageDraw

from .figure import RGB, View, capsule, shade


def draw_stool(draw: ImageDraw.ImageDraw, view: View, seat: float) -> None:
    """A stool behind the figure's feet; `seat` is its height in statures."""
    wood: RGB = (134, 92, 62)
    behind = -0.24
    for x, z in ((0.09, -0.09), (-0.09, -0.09), (0.09, 0.09), (-0.09, 0.09)):
        top, foot = (view.project(np.array([x, y, behind + z])) for y in (seat, 0.0))
        capsule(draw, top, foot, 0.035 * view.scale, 0.028 * view.scale, shade(wood, 0.8))
    x, y, _ = view.project(np.array([0.0, seat, behind]))
    w, h = 0.15 * view.scale, 0.035 * view.scale
    draw.ellipse((x - w, y - h + 0.02 * view.scale, x + w, y + h + 0.02 * view.scale), fill=shade(wood, 0.7))
    draw.ellipse((x - w, y - h, x + w, y + h), fill=shade(wood, 1.15))


def draw_drum(draw: ImageDraw.ImageDraw, view: View) -> None:
    """A drum under a cloth in front of the figure: only its sound tells a bell from a drum."""
    cloth: RGB = (128, 74, 92)
    x, top, _ = view.project(np.array([-0.1, 0.44, 0.44]))
    _, bottom, _ = view.project(np.array([-0.1, 0.0, 0.44]))
    w, h = 0.15 * view.scale, 0.045 * view.scale
    draw.ellipse((x - w * 1.1, bottom - h, x + w * 1.2, bottom + h), fill=(12, 14, 28, 60))
    draw.polygon([(x - w, top), (x + w, top), (x + w * 0.86, bottom), (x - w * 0.86, bottom)], fill=cloth)
    draw.ellipse((x - w * 0.86, bottom - h * 0.8, x + w * 0.86, bottom + h * 0.8), fill=cloth)
    for k in (-0.55, -0.1, 0.4):
        fold = (x + k * w, top, x + k * w * 0.85, bottom)
        draw.line(fold, fill=shade(cloth, 0.82), width=max(1, int(0.02 * view.scale)))
    draw.ellipse((x - w, top - h, x + w, top + h), fill=shade(cloth, 1.22))


def draw_mallet(draw: ImageDraw.ImageDraw, joints: dict[str, np.ndarray], view: View) -> None:
    """A mallet that prolongs the right forearm."""
    hand = joints["right arm 2"]
    along = hand - joints["right arm 1"]
    tip = hand + 0.17 * along / np.linalg.norm(along)
    a, b = view.project(hand), view.project(tip)
    capsule(draw, a, b, 0.024 * view.scale, 0.024 * view.scale, (120, 84, 52))
    capsule(draw, b, b, 0.06 * view.scale, 0.06 * view.scale, (240, 232, 214))
