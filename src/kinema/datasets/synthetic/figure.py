"""The articulated figure: a pose in joint angles, its joints in 3-D, and its drawing.

Lengths are in statures (the figure is 1 high). Body axes: x to the actor's left, y up, z forward.
"""

from dataclasses import dataclass

import numpy as np
from PIL import ImageDraw

RGB = tuple[int, int, int]

UPPER_ARM, FOREARM, THIGH, SHANK, FOOT = 0.165, 0.15, 0.235, 0.235, 0.075
TRUNK, NECK, HEAD = 0.285, 0.055, 0.083
SHOULDER_HALF, HIP_HALF, ANKLE_HEIGHT = 0.105, 0.058, 0.035
VIEW_FROM_ABOVE = 0.12  # screen drop of a point per stature that it is nearer to the camera
LEFT_ARM, RIGHT_ARM, LEFT_LEG, RIGHT_LEG = range(4)
_LIMBS = ("left arm", "right arm", "left leg", "right leg")
_SIDE = (1.0, -1.0, 1.0, -1.0)


@dataclass(frozen=True)
class Pose:
    """Joint angles in degrees.

    `limbs` [4, 4]: rows left arm, right arm, left leg, right leg; columns forward swing and outward
    swing of the upper half, then of the lower half, each measured from hanging straight down.
    `lean` tips the trunk forward; `hop` lifts the feet off the ground (statures); `planted` is 1
    where the feet stay in place and 0 where the hips do.
    """

    limbs: np.ndarray
    lean: float = 0.0
    hop: float = 0.0
    planted: float = 1.0

    def blend(self, other: "Pose", weight: float) -> "Pose":
        """The pose that is `weight` (0..1) of the way from this one to `other`."""
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Pose(*((1.0 - weight) * a + weight * b for a, b in pairs))


@dataclass(frozen=True)
class Look:
    """How one actor looks: colours, and proportions relative to the standard figure."""

    skin: RGB
    hair: RGB
    shirt: RGB
    trousers: RGB
    shoes: RGB
    girth: float = 1.0
    legs: float = 1.0
    shoulders: float = 1.0
    long_sleeves: bool = False
    long_hair: bool = False


@dataclass(frozen=True)
class View:
    """Where the figure stands on the canvas: pixel of its footing, pixels per stature, yaw in degrees.

    Yaw 0 faces the camera, 90 faces the right edge of the picture.
    """

    x: float
    floor: float
    scale: float
    yaw: float

    def project(self, point: np.ndarray) -> tuple[float, float, float]:
        """Body coordinates [3] -> (x, y, nearness): pixels on the canvas and statures to the camera."""
        cos, sin = np.cos(np.radians(self.yaw)), np.sin(np.radians(self.yaw))
        near = point[2] * cos - point[0] * sin
        across, up = point[0] * cos + point[2] * sin, point[1] - VIEW_FROM_ABOVE * near
        return self.x + self.scale * across, self.floor - self.scale * up, float(near)


def skeleton(pose: Pose, look: Look) -> dict[str, np.ndarray]:
    """Joint positions [3] by name; the lowest foot touches y = 0 (plus the pose's hop)."""
    up = np.array([0.0, np.cos(np.radians(pose.lean)), np.sin(np.radians(pose.lean))])
    joints = {"hip": np.zeros(3), "neck": up * TRUNK}
    joints["head"] = joints["neck"] + up * (NECK + HEAD * 0.75)
    lengths = [(UPPER_ARM, FOREARM)] * 2 + [(THIGH * look.legs, SHANK * look.legs)] * 2
    halves = [SHOULDER_HALF * look.shoulders] * 2 + [HIP_HALF] * 2
    for row, (name, angles) in enumerate(zip(_LIMBS, pose.limbs, strict=True)):
        root = up * (TRUNK * 0.94) if row < 2 else joints["hip"]
        start = root + np.array([_SIDE[row] * halves[row], 0.0, 0.0])
        middle = start + lengths[row][0] * _direction(angles[0], angles[1], _SIDE[row])
        end = middle + lengths[row][1] * _direction(angles[2], angles[3], _SIDE[row])
        joints |= {f"{name} 0": start, f"{name} 1": middle, f"{name} 2": end}
    lowest = min(joints["left leg 2"][1], joints["right leg 2"][1])
    for row in (LEFT_LEG, RIGHT_LEG):
        ankle = joints[f"{_LIMBS[row]} 2"]
        joints[f"{_LIMBS[row]} toe"] = ankle + _foot(pose.limbs[row, 2], ankle[1] - lowest)
    return _on_the_ground(joints, pose)


def _direction(swing: float, outward: float, side: float) -> np.ndarray:
    swing, outward = np.radians(swing), np.radians(outward)
    return np.array(
        [side * np.sin(outward), -np.cos(outward) * np.cos(swing), np.cos(outward) * np.sin(swing)]
    )


def _foot(shank_swing: float, lifted: float) -> np.ndarray:
    """Flat on the ground; at a right angle to the shank once the ankle is well off it."""
    free = min(lifted / 0.08, 1.0) * np.radians(shank_swing)
    return FOOT * np.array([0.0, np.sin(free) - 0.12, np.cos(free)])


def _on_the_ground(joints: dict[str, np.ndarray], pose: Pose) -> dict[str, np.ndarray]:
    left, right = joints["left leg 2"], joints["right leg 2"]
    toes = min(joints["left leg toe"][1], joints["right leg toe"][1])
    lowest = min(left[1] - ANKLE_HEIGHT, right[1] - ANKLE_HEIGHT, toes - 0.012)
    middle = pose.planted * (left + right) / 2
    shift = np.array([-middle[0], pose.hop - lowest, -middle[2]])
    return {name: point + shift for name, point in joints.items()}


def draw_figure(draw: ImageDraw.ImageDraw, pose: Pose, look: Look, view: View) -> dict[str, np.ndarray]:
    """Draw shadow and figure, far limbs first; returns the joints in body coordinates."""
    joints = skeleton(pose, look)
    screen = {name: view.project(point) for name, point in joints.items()}
    _shadow(draw, screen, pose, view)
    # A hair is added so that limbs beside the hip are drawn in front of it, in a fixed order.
    near = {n: (screen[f"{n} 1"][2] + screen[f"{n} 2"][2]) / 2 - screen["hip"][2] + 1e-6 for n in _LIMBS}
    limbs = sorted(_LIMBS, key=lambda name: near[name])
    for name in [n for n in limbs if near[n] < 0]:
        _limb(draw, name, near[name], screen, look, view)
    hair_first = np.cos(np.radians(view.yaw)) > 0.5  # facing the camera
    if look.long_hair and hair_first:
        _long_hair(draw, joints, look, view)
    _trunk(draw, screen, look, view)
    if look.long_hair and not hair_first:
        _long_hair(draw, joints, look, view)
    _head(draw, joints, screen, look, view)
    for name in [n for n in limbs if near[n] >= 0]:
        _limb(draw, name, near[name], screen, look, view)
    return joints


def _limb(draw: ImageDraw.ImageDraw, name: str, near: float, screen: dict, look: Look, view: View) -> None:
    light = 0.8 if near < -0.029999 else 1.0
    if name.endswith("leg"):
        trousers = shade(look.trousers, light)
        strokes = (
            ("2", "toe", 0.05, 0.042, shade(look.shoes, light)),
            ("0", "1", 0.105, 0.082, trousers),
            ("1", "2", 0.08, 0.056, trousers),
        )
    else:
        sleeve, skin = shade(look.shirt, light * 0.93), shade(look.skin, light)
        strokes = (
            ("1", "2", 0.056, 0.046, sleeve if look.long_sleeves else skin),
            ("0", "1", 0.078, 0.062, sleeve),
            ("2", "2", 0.06, 0.06, skin),
        )
    for start, end, width_a, width_b, colour in strokes:
        a, b = screen[f"{name} {start}"], screen[f"{name} {end}"]
        capsule(draw, a, b, width_a * view.scale, width_b * view.scale, colour)


def _trunk(draw: ImageDraw.ImageDraw, screen: dict, look: Look, view: View) -> None:
    radius = 0.052 * look.girth * view.scale
    corners = [screen[k] for k in ("left arm 0", "right arm 0", "right leg 0", "left leg 0")]
    for corner in corners[2:]:
        _disc(draw, corner, radius, look.trousers)
    neck = screen["neck"]
    waist = tuple(0.8 * h + 0.2 * n for h, n in zip(screen["hip"], neck, strict=True))
    capsule(draw, neck, screen["head"], 0.06 * view.scale, 0.06 * view.scale, shade(look.skin, 0.88))
    for a, b in ((0, 1), (1, 2), (3, 0)):
        capsule(draw, corners[a], corners[b], 2 * radius, 2 * radius, look.shirt)
    draw.polygon([(c[0], c[1]) for c in corners], fill=look.shirt)
    capsule(draw, waist, neck, 2.6 * radius, 2.4 * radius, look.shirt)


def _long_hair(draw: ImageDraw.ImageDraw, joints: dict, look: Look, view: View) -> None:
    back = view.project(joints["head"] + np.array([0.0, -0.07, -0.045]))
    _disc(draw, back, HEAD * view.scale * 0.92, shade(look.hair, 0.9))


def _head(draw: ImageDraw.ImageDraw, joints: dict, screen: dict, look: Look, view: View) -> None:
    radius, centre = HEAD * view.scale, screen["head"]
    _disc(draw, centre, radius, look.hair)
    _disc(draw, view.project(joints["head"] + np.array([0.0, -0.02, 0.026])), radius * 0.86, look.skin)
    for side in (0.034, -0.034):
        x, y, near = view.project(joints["head"] + np.array([side, -0.008, 0.085]))
        if near > centre[2] - 0.02:
            _disc(draw, (x, y), max(0.0095 * view.scale, 0.8), (38, 32, 36))


def _shadow(draw: ImageDraw.ImageDraw, screen: dict, pose: Pose, view: View) -> None:
    feet = [screen[k] for k in ("left leg 2", "right leg 2", "left leg toe", "right leg toe", "hip")]
    left, right = min(f[0] for f in feet), max(f[0] for f in feet)
    middle, half = (left + right) / 2, (right - left) / 2 + 0.1 * view.scale
    for grow, alpha in ((1.15, 26), (0.95, 34), (0.7, 40)):
        w, h = half * grow * (1 - pose.hop), 0.045 * view.scale * grow
        draw.ellipse((middle - w, view.floor - h, middle + w, view.floor + h), fill=(12, 14, 28, alpha))


def capsule(draw: ImageDraw.ImageDraw, a, b, width_a: float, width_b: float, colour: RGB) -> None:
    """A stroke with round ends that tapers from `width_a` at point `a` to `width_b` at `b` (pixels)."""
    along = np.array([b[0] - a[0], b[1] - a[1]])
    length = float(np.hypot(*along))
    if length > 0.5:
        nx, ny = -along[1] / length / 2, along[0] / length / 2
        corners = ((a, width_a), (b, width_b), (b, -width_b), (a, -width_a))
        draw.polygon([(p[0] + nx * width, p[1] + ny * width) for p, width in corners], fill=colour)
    _disc(draw, a, width_a / 2, colour)
    _disc(draw, b, width_b / 2, colour)


def _disc(draw: ImageDraw.ImageDraw, centre, radius: float, colour: RGB) -> None:
    x, y = centre[:2]
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def shade(colour: RGB, light: float) -> RGB:
    """The colour made darker (`light` < 1) or lighter (> 1)."""
    r, g, b = (max(0, min(255, round(c * light))) for c in colour)
    return r, g, b
