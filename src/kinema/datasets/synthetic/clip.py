"""One clip: its random choices, its frames one by one, and its sound."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from zlib import crc32

import numpy as np
from PIL import Image, ImageDraw

from .actions import ACTIONS, CLASSES, standing
from .figure import SHANK, View, draw_figure
from .looks import actor_look
from .scene import background, draw_drum, draw_mallet, draw_stool
from .sound import SAMPLE_RATE, ambience, strikes

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


@dataclass(frozen=True)
class ClipSettings:
    """What all clips share; `brief` is the part of a clip (0..1) in which the actor does not stand still."""

    seconds: float = 2.5
    fps: int = 25
    width: int = 160
    height: int = 120
    sound: bool = True
    brief: float | None = None
    seed: int = 0

    @property
    def num_frames(self) -> int:
        """Frames of one clip."""
        return max(1, round(self.seconds * self.fps))


class SyntheticClip:
    """Clip number `clip` of `actor` doing `label`.

    Actor, place and camera are drawn from (seed, actor, clip) and never from the class; the way the
    action is done, from (seed, pair of classes, actor, clip). So partners of an order pair show the
    very same frames, one of them last frame first, and partners of a sound pair the very same video.
    """

    def __init__(self, label: str, actor: int, clip: int, settings: ClipSettings):
        self.settings = settings
        self._class = CLASSES[label]
        self._action = ACTIONS[self._class.action]
        self._keys = (settings.seed, actor, clip)
        style = np.random.default_rng([settings.seed, actor, 0])
        self._look = actor_look(style)
        self._stature = style.uniform(0.92, 1.06)
        tempo = style.uniform(0.86, 1.16)
        self._stage(np.random.default_rng([*self._keys, 1]))
        self._perform(self._random(2), tempo)

    def _random(self, purpose: int, *more: int) -> np.random.Generator:
        return np.random.default_rng([*self._keys, purpose, crc32(self._class.action.encode()), *more])

    def _stage(self, rng: np.random.Generator) -> None:
        """Place, camera, light: the same whatever the actor does."""
        s = self.settings
        self._width, self._height = s.width * SUPERSAMPLE, s.height * SUPERSAMPLE
        pixels = min(self._height, 0.8 * self._width)
        self._scale = pixels * 0.74 * self._stature * rng.uniform(0.92, 1.04)
        self._margin = int(0.05 * pixels)
        self._floor = self._height * rng.uniform(0.9, 0.94)
        horizon = self._margin + self._height * rng.uniform(0.66, 0.74)
        self._panorama = background(rng, 2 * self._width, self._height + 2 * self._margin, horizon)
        self._pan0 = rng.uniform(0, 2 * self._width)
        self._x = self._width * rng.uniform(0.42, 0.58)
        self._facing = 1.0 if rng.random() < 0.5 else -1.0
        self._rest_yaw = rng.uniform(-20, 20)
        still = 1.0 if s.brief is None else 0.1
        self._shake = Shake(rng, still * rng.uniform(0.0, 0.009) * pixels)
        self._noise = rng.uniform(1.0, 5.0)
        self._light = (rng.uniform(0.88, 1.08) * rng.uniform(0.97, 1.03, 3)).astype(np.float32)

    def _perform(self, rng: np.random.Generator, tempo: float) -> None:
        """Pace, phase and activity (0 still .. 1 acting) of every frame."""
        s, action = self.settings, self._action
        time = np.arange(s.num_frames) / s.fps
        pace = action.turns_per_second * tempo * rng.uniform(0.94, 1.06)
        if not action.mirrored:
            self._facing = 1.0
        self._yaw = self._facing * (action.yaw + rng.uniform(-9, 9)) if action.yaw else rng.uniform(-16, 16)
        if not action.cyclic:
            span = max(time[-1], 1.0 / s.fps)
            pace = max(pace, 1.0 / (0.8 * span))
            begin = rng.uniform(0.04, 0.96 - 1.0 / (pace * span)) * span
            self._phase = np.clip((time - begin) * pace, 0.0, 1.0)
        else:
            self._phase = rng.uniform() + time * pace
        self._activity = np.ones(s.num_frames)
        if s.brief is not None:
            length = s.brief * s.seconds
            begin = rng.uniform(0, s.seconds - length)
            inside = np.minimum(time - begin, begin + length - time) / (0.15 * length)
            self._activity = np.clip(inside, 0.0, 1.0)
        self._travelled = np.cumsum(self._activity) * action.travel * tempo / s.fps

    def frame(self, index: int) -> np.ndarray:
        """Frame `index` of the finished clip, uint8 [height, width, 3] (RGB)."""
        s = self.settings
        if not 0 <= index < s.num_frames:
            raise IndexError(f"frame {index} of a clip of {s.num_frames}")
        if self._class.backwards:
            index = s.num_frames - 1 - index
        picture = np.asarray(self._picture(index).reduce(SUPERSAMPLE), np.float32) * self._light
        noise = self._random(3, index).standard_normal(picture.shape, dtype=np.float32)
        return np.clip(picture + self._noise * noise + 0.5, 0, 255).astype(np.uint8)

    def frames(self) -> Iterator[np.ndarray]:
        """All frames in order."""
        return (self.frame(i) for i in range(self.settings.num_frames))

    def _picture(self, index: int) -> Image.Image:
        dx, dy = self._shake.at(index / self.settings.fps)
        run = self._facing * self._travelled[index] * self._scale
        left = round(self._pan0 + run + dx)
        top = min(max(round(self._margin + dy), 0), len(self._panorama) - self._height)
        columns = np.arange(left, left + self._width) % self._panorama.shape[1]  # it wraps around
        image = Image.fromarray(self._panorama[top : top + self._height, columns])
        active = float(self._activity[index])
        yaw = (1 - active) * self._rest_yaw + active * self._yaw
        view = View(self._x - dx, self._floor - dy, self._scale, yaw)
        pose = self._action.pose(float(self._phase[index]))
        if active < 1.0:
            pose = standing().blend(pose, active)
        draw = ImageDraw.Draw(image, "RGBA")
        if self._action.prop == "stool":
            draw_stool(draw, view, SHANK * self._look.legs)
        joints = draw_figure(draw, pose, self._look, view)
        if self._action.prop == "drum":
            draw_drum(draw, view)
            draw_mallet(draw, joints, view)
        return image

    @cached_property
    def strike_seconds(self) -> list[float]:
        """When the action strikes (at every whole turn of phase), in seconds; empty for silent actions."""
        if self._class.strike is None:
            return []
        turns = np.flatnonzero(np.diff(np.floor(self._phase)) > 0) + 1
        return [float(i / self.settings.fps) for i in turns if self._activity[i] > 0.5]

    def sound(self) -> np.ndarray:
        """Mono sound, float32 [samples] at 16 kHz, as long as the video."""
        s = self.settings
        samples = round(s.num_frames / s.fps * SAMPLE_RATE)
        rng = self._random(4)
        track = ambience(rng, samples)
        if self._class.strike is not None:
            track = track + strikes(self._class.strike, rng, samples, self.strike_seconds)
        return np.clip(track, -1.0, 1.0)
