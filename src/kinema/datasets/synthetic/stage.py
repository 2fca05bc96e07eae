"""Where an actor is filmed: place, camera, light and looks, and the drawing of one moment."""

import numpy as np
from PIL import Image, ImageDraw

from .figure import SHANK, Pose, View, draw_figure
from .looks import actor_look
from .scene import background, draw_drum, draw_mallet, draw_stool

SUPERSAMPLE = 2  # drawn at twice the size and averaged down: smooth edges


class Shake:
    """Hand-held camera: slow sines, alike in both directions of time; per axis `pixels` is their spread."""

    def __init__(self, rng: np.random.Generator, pixels: float):
        shape = (2, 4)  # axes, sines
        self.amplitude = pixels * np.sqrt(2 / shape[1])  # a sine's variance is one half
        self.frequency = rng.uniform(0.3, 3.5, shape)
        self.phase = rng.uniform(0, 2 * np.pi, shape)

    def at(self, seconds: float) -> tuple[float, float]:
        """Offset (x, y) in pixels."""
        x, y = (self.amplitude * np.sin(2 * np.pi * self.frequency * seconds + self.phase)).sum(axis=1)
        return float(x), float(y)


class Stage:
    """One actor before one camera: `seed` and `actor` decide the looks, `place` the scenery.

    `still` says that the camera all but stands. `facing` is 1 or -1, drawn from `place`, `tempo` the
    actor's own.
    """

    def __init__(
        self, seed: int, actor: int, place: np.random.Generator, size: tuple[int, int], *, still: bool
    ):
        style = np.random.default_rng([seed, actor, 0])
        self.look = actor_look(style)
        stature = style.uniform(0.92, 1.06)
        self.tempo = style.uniform(0.86, 1.16)
        self._build(place, stature, size, 0.1 if still else 1.0)

    def _build(
        self, rng: np.random.Generator, stature: float, size: tuple[int, int], restless: float
    ) -> None:
        """Place, camera, light: the same whatever the actor does."""
        self._width, self._height = (SUPERSAMPLE * side for side in size)
        pixels = min(self._height, 0.8 * self._width)
        self._scale = pixels * 0.74 * stature * rng.uniform(0.92, 1.04)
        self._margin = int(0.05 * pixels)
        self._floor = self._height * rng.uniform(0.9, 0.94)
        horizon = self._margin + self._height * rng.uniform(0.66, 0.74)
        self._panorama = background(rng, 2 * self._width, self._height + 2 * self._margin, horizon)
        self._pan0 = rng.uniform(0, 2 * self._width)
        self._x = self._width * rng.uniform(0.42, 0.58)
        self.facing = 1.0 if rng.random() < 0.5 else -1.0
        self.rest_yaw = rng.uniform(-20, 20)
        self._shake = Shake(rng, restless * rng.uniform(0.0, 0.009) * pixels)
        self._noise = rng.uniform(1.0, 5.0)
        self._light = (rng.uniform(0.88, 1.08) * rng.uniform(0.97, 1.03, 3)).astype(np.float32)

    def picture(
        self, seconds: float, pose: Pose, yaw: float, travelled: float = 0.0, prop: str | None = None
    ) -> Image.Image:
        """The actor in `pose`, turned by `yaw` degrees, `travelled` statures along the way, with a prop."""
        dx, dy = self._shake.at(seconds)
        left = round(self._pan0 + travelled * self._scale + dx)
        top = min(max(round(self._margin + dy), 0), len(self._panorama) - self._height)
        columns = np.arange(left, left + self._width) % self._panorama.shape[1]  # it wraps around
        image = Image.fromarray(self._panorama[top : top + self._height, columns])
        view = View(self._x - dx, self._floor - dy, self._scale, yaw)
        draw = ImageDraw.Draw(image, "RGBA")
        if prop == "stool":
            draw_stool(draw, view, SHANK * self.look.legs)
        joints = draw_figure(draw, pose, self.look, view)
        if prop == "drum":
            draw_drum(draw, view)
            draw_mallet(draw, joints, view)
        return image

    def developed(self, image: Image.Image, noise: np.random.Generator) -> np.ndarray:
        """A picture at its size, in the light of the place and with the sensor's noise: uint8 [H, W, 3]."""
        picture = np.asarray(image.reduce(SUPERSAMPLE), np.float32) * self._light
        grain = noise.standard_normal(picture.shape, dtype=np.float32)
        return np.clip(picture + self._noise * grain + 0.5, 0, 255).astype(np.uint8)
