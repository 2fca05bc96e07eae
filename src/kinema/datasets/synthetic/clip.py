"""One clip: its random choices, its frames one by one, and its sound."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from zlib import crc32

import numpy as np
from PIL import Image

from .actions import ACTIONS, CLASSES, standing
from .sound import SAMPLE_RATE, ambience, strikes
from .stage import Stage


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
        place, size = np.random.default_rng([*self._keys, 1]), (settings.width, settings.height)
        self._stage = Stage(settings.seed, actor, place, size, still=settings.brief is not None)
        self._facing = self._stage.facing
        self._perform(self._random(2), self._stage.tempo)

    def _random(self, purpose: int, *more: int) -> np.random.Generator:
        return np.random.default_rng([*self._keys, purpose, crc32(self._class.action.encode()), *more])

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
        return self._stage.developed(self._picture(index), self._random(3, index))

    def frames(self) -> Iterator[np.ndarray]:
        """All frames in order."""
        return (self.frame(i) for i in range(self.settings.num_frames))

    def _picture(self, index: int) -> Image.Image:
        active = float(self._activity[index])
        yaw = (1 - active) * self._stage.rest_yaw + active * self._yaw
        pose = self._action.pose(float(self._phase[index]))
        if active < 1.0:
            pose = standing().blend(pose, active)
        travelled = self._facing * self._travelled[index]
        return self._stage.picture(index / self.settings.fps, pose, yaw, travelled, self._action.prop)

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
