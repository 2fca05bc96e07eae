"""Four kinds of painted places, each with random variations, and the things that an action needs."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .figure import RGB, View, capsule, shade
from .looks import SHIRTS, pick


def background(rng: np.random.Generator, width: int, height: int, horizon: float) -> np.ndarray:
    """A painted place, uint8 [height, width, 3], that repeats seamlessly from right to left.

    `horizon` is the pixel row where wall meets floor, or land meets sky.
    """
    paint = (_room, _park, _gym, _street)[int(rng.integers(4))]
    image = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(image, "RGBA")
    paint(rng, draw, width, height, horizon)
    # Out of focus and a little pale, so that the figure stands out as in a well-lit picture.
    soft = np.asarray(image.filter(ImageFilter.GaussianBlur(height / 70)), np.float32)
    soft = 0.65 * soft + 0.35 * (0.5 * soft.mean(axis=2, keepdims=True) + 105.0)
    grain = rng.normal(0, 1, (height // 4 + 1, width // 4 + 1)).astype(np.float32).repeat(4, 0).repeat(4, 1)
    return np.clip(soft + 2.5 * grain[:height, :width, None], 0, 255).astype(np.uint8)


def _gradient(draw: ImageDraw.ImageDraw, width: int, top: float, bottom: float, a: RGB, b: RGB) -> None:
    for y in range(int(top), int(bottom)):
        w = (y - top) / max(bottom - top, 1)
        colour = tuple(round((1 - w) * p + w * q) for p, q in zip(a, b, strict=True))
        draw.line((0, y, width, y), fill=colour)


def _boards(draw: ImageDraw.ImageDraw, width: int, height: int, horizon: float, line: RGB) -> None:
    """Floor lines that close up towards the horizon."""
    depth = height - horizon
    for k in (0.12, 0.3, 0.56, 0.9):
        y = horizon + depth * k
        draw.line((0, y, width, y), fill=(*line, 70), width=max(1, int(2 * k)))


def _room(rng, draw, width, height, horizon) -> None:
    wall = pick(rng, ((214, 222, 214), (232, 214, 190), (190, 206, 222), (222, 200, 206), (170, 190, 186)))
    floor = pick(rng, ((176, 128, 88), (150, 112, 84), (196, 160, 122), (120, 104, 98)))
    _gradient(draw, width, 0, horizon, shade(wall, 1.04), shade(wall, 0.9))
    _gradient(draw, width, horizon, height, shade(floor, 0.82), shade(floor, 1.08))
    _boards(draw, width, height, horizon, shade(floor, 0.55))
    draw.rectangle((0, horizon - height * 0.03, width, horizon), fill=shade(wall, 1.15))
    x = rng.uniform(0, 0.1) * width
    while x < width * 0.9:
        w = min(rng.uniform(0.2, 0.42) * height, width - x - 2)
        if w < 0.1 * height:
            break
        paint = (_window, _painting, _shelf, _plant)[int(rng.integers(4))]
        paint(rng, draw, x, w, height, horizon, wall)
        x += w + rng.uniform(0.12, 0.4) * height


def _window(rng, draw, x, w, height, horizon, wall) -> None:
    top, bottom, white = 0.12 * height, 0.5 * height, (248, 248, 244)
    draw.rectangle((x, top, x + w, bottom), fill=(176, 212, 236), outline=white, width=max(1, height // 60))
    draw.line((x + w / 2, top, x + w / 2, bottom), fill=white, width=max(1, height // 80))


def _painting(rng, draw, x, w, height, horizon, wall) -> None:
    colour, top, m = pick(rng, SHIRTS), rng.uniform(0.12, 0.25) * height, 0.02 * height
    draw.rectangle((x, top, x + w, top + 0.24 * height), fill=shade(wall, 0.6))
    draw.rectangle((x + m, top + m, x + w - m, top + 0.24 * height - m), fill=shade(colour, 0.9))
    draw.ellipse((x + w * 0.3, top + 2 * m, x + w * 0.7, top + 0.2 * height), fill=shade(colour, 1.25))


def _shelf(rng, draw, x, w, height, horizon, wall) -> None:
    top = rng.uniform(0.28, 0.42) * height
    wood = pick(rng, ((120, 82, 56), (92, 96, 110), (168, 140, 104)))
    draw.rectangle((x, top, x + w, horizon + 1), fill=wood)
    for row in range(3):
        y, end = (top + (horizon - top) * (row + part) / 3 for part in (0.12, 0.9))
        draw.rectangle((x + 0.06 * w, y, x + 0.94 * w, end), fill=shade(wood, 0.6))
        for book in range(5):
            left, high = x + w * (0.1 + 0.15 * book), y + (end - y) * rng.uniform(0.1, 0.4)
            draw.rectangle((left, high, left + 0.11 * w, end), fill=shade(pick(rng, SHIRTS), 0.8))


def _plant(rng, draw, x, w, height, horizon, wall) -> None:
    x, half, rim = x + w / 2, w / 4, horizon - 0.13 * height
    for _ in range(9):
        tip = (x + half * rng.uniform(-1.8, 1.8), horizon - rng.uniform(0.2, 0.42) * height)
        capsule(draw, (x, rim), tip, 0.02 * height, 0.05 * height, (74, 128, 84))
    pot = [(x - half, rim), (x + half, rim), (x + 0.6 * half, horizon), (x - 0.6 * half, horizon)]
    draw.polygon(pot, fill=(188, 104, 70))


def _park(rng, draw, width, height, horizon) -> None:
    sky = pick(rng, ((150, 200, 236), (186, 212, 230), (240, 200, 164), (170, 196, 220)))
    grass = pick(rng, ((126, 168, 88), (150, 176, 96), (104, 150, 96)))
    _gradient(draw, width, 0, horizon, sky, shade(sky, 1.18))
    for k, light in ((1, 0.72), (2, 0.62)):
        points = [
            (x, horizon - height * (0.16 / k + 0.05 * np.sin(2 * np.pi * (x / width * (2 + k)) + k)))
            for x in range(0, width + 4, 4)
        ]
        draw.polygon([(0, horizon), *points, (width, horizon)], fill=shade((150, 186, 150), light + 0.3 / k))
    _gradient(draw, width, horizon, height, shade(grass, 0.86), shade(grass, 1.1))
    draw.rectangle((0, horizon + 0.3 * (height - horizon), width, height), fill=(214, 190, 150, 120))
    for x in _spread(rng, width, 0.34 * height):
        top, r = horizon - rng.uniform(0.32, 0.5) * height, rng.uniform(0.09, 0.13) * height
        capsule(draw, (x, horizon + 0.02 * height), (x, top), 0.035 * height, 0.02 * height, (104, 78, 60))
        for dx, dy, f in ((-0.6, 0.3, 0.8), (0.6, 0.3, 0.8), (0, -0.2, 1.1)):
            box = (x + r * (dx - f), top + r * (dy - f), x + r * (dx + f), top + r * (dy + f))
            draw.ellipse(box, fill=shade((86, 140, 88), rng.uniform(0.85, 1.1)))


def _gym(rng, draw, width, height, horizon) -> None:
    wall = pick(rng, ((206, 210, 216), (224, 206, 170), (176, 196, 200)))
    band = pick(rng, ((196, 78, 62), (62, 112, 166), (74, 138, 112), (226, 160, 66)))
    floor = pick(rng, ((206, 158, 104), (112, 134, 158), (122, 154, 126)))
    _gradient(draw, width, 0, horizon, shade(wall, 0.92), wall)
    draw.rectangle((0, horizon * 0.58, width, horizon), fill=band)
    draw.rectangle((0, horizon * 0.55, width, horizon * 0.58), fill=shade(band, 0.75))
    _gradient(draw, width, horizon, height, shade(floor, 0.86), shade(floor, 1.08))
    y = horizon + 0.45 * (height - horizon)
    draw.line((0, y, width, y), fill=(245, 245, 245))
    count = max(2, round(width / (0.6 * height)))
    for k in range(count):
        x = (k + 0.5) * width / count
        draw.line((x, 0, x, horizon), fill=shade(wall, 0.78), width=int(height / 100))
    for x in _spread(rng, width, 0.7 * height):
        boards = ((0.16, 0.1, 0.24, (246, 246, 246)), (0.15, 0.11, 0.23, shade(band, 1.2)))
        for half, top, bottom, colour in boards:
            box = (x - half * height, top * height, x + half * height, bottom * height)
            draw.rectangle(box, fill=colour)


def _street(rng, draw, width, height, horizon) -> None:
    sky = pick(rng, ((196, 216, 232), (240, 212, 180), (170, 184, 206)))
    _gradient(draw, width, 0, horizon, sky, shade(sky, 1.1))
    pavement = pick(rng, ((170, 168, 166), (150, 154, 164), (184, 172, 156)))
    x = 0.0
    while x < width:
        w = rng.uniform(0.35, 0.6) * height
        if width - x - w < 0.3 * height:
            w = width - x
        wall = pick(rng, ((196, 120, 96), (214, 190, 158), (140, 152, 170), (168, 146, 136)))
        wall = shade(wall, rng.uniform(0.85, 1.1))
        top = rng.uniform(0.04, 0.2) * height
        draw.rectangle((x, top, x + w, horizon), fill=wall)
        pane = (94, 116, 140) if rng.random() < 0.6 else (240, 214, 140)
        for row in range(3):
            for column in range(3):
                left, upper = x + w * (0.12 + 0.3 * column), top + height * (0.05 + 0.17 * row)
                if upper + 0.1 * height < horizon:
                    box = (left, upper, left + 0.16 * w, upper + 0.1 * height)
                    draw.rectangle(box, fill=shade(pane, 0.95))
        x += w
    _gradient(draw, width, horizon, height, shade(pavement, 0.85), shade(pavement, 1.05))
    _boards(draw, width, height, horizon, shade(pavement, 0.6))


def _spread(rng: np.random.Generator, width: int, gap: float) -> list[float]:
    count = max(1, int(width / (gap * rng.uniform(1.1, 1.6))))
    return [(k + 0.5 + rng.uniform(-0.2, 0.2)) * width / count for k in range(count)]


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
