"""Endless made video whose motion is known: drifting pictures, and clips of the synthetic generator.

Everything is drawn from one seed. Nothing here has ever seen a camera.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from _motion_net import CELL, LENGTH
from kinema.datasets.synthetic import CLASSES, ClipSettings, SyntheticClip
from kinema.datasets.synthetic.scene import background

SIDE = 64
PICTURE = 192  # side of the pictures that drift
SLOWEST, FASTEST = 0.03, 3.0  # pixels a frame
FRESH = 4  # draws from one fresh clip to the next
SPEEDS = (1, 2, 3)  # frames of a clip from one frame of a window to the next
ACTIONS = [name for name, kind in CLASSES.items() if kind.subset in ("visual", "tempo")]
# What walks, jogs or runs: its clips have a direction of time.
GAIT = ("walking", "jogging", "running")
GREY = np.array([0.299, 0.587, 0.114], np.float32)


def grid(side: int = SIDE) -> Tensor:
    """Places of a picture's pixels from its middle, in pixels: [side, side, 2] (x, y)."""
    axis = torch.arange(side) - (side - 1) / 2
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return torch.stack([x, y], -1)


def sample(pictures: Tensor, places: Tensor) -> Tensor:
    """`pictures` [N, H, W] at places [N, h, w, 2] in pixels from their middle -> [N, h, w]."""
    height, width = pictures.shape[1:]
    scale = torch.tensor([2.0 / width, 2.0 / height])
    found = F.grid_sample(pictures[:, None], places * scale, padding_mode="reflection", align_corners=False)
    return found[:, 0]


class Pictures:
    """Still pictures, half of them noise of all scales, half painted places; a new one at every draw."""

    def __init__(self, seed: int, count: int = 128) -> None:
        self._random = np.random.default_rng([seed, 1])
        self._bank = torch.stack([self._new() for _ in range(count)])
        self._next = 0

    def draw(self, chosen: np.ndarray) -> Tensor:
        """Pictures [N, 192, 192] by their numbers in [0, 1)."""
        self._bank[self._next] = self._new()
        self._next = (self._next + 1) % len(self._bank)
        return self._bank[torch.from_numpy((chosen * len(self._bank)).astype(np.int64))]

    def _new(self) -> Tensor:
        random = self._random
        if random.random() < 0.5:
            side = 2 * PICTURE
            place = background(random, side, side, random.uniform(0.6, 0.75) * side) @ GREY
            picture = place.reshape(PICTURE, 2, PICTURE, 2).mean((1, 3))
        else:
            fy, fx = np.fft.fftfreq(PICTURE)[:, None], np.fft.rfftfreq(PICTURE)[None]
            fall = np.maximum(np.hypot(fy, fx), 1 / PICTURE) ** -random.uniform(0.6, 1.8)
            noise = np.fft.rfft2(random.standard_normal((PICTURE, PICTURE)))
            picture = np.fft.irfft2(noise * fall, (PICTURE, PICTURE))
        picture = (picture - picture.mean()) / (picture.std() + 1e-3)
        return torch.from_numpy(picture.astype(np.float32))


class Drift:
    """A picture drifts, turns and grows, and an ellipse of another passes over it: flow known everywhere."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng([seed, 2])
        self._pictures = Pictures(seed)
        self._grid = grid()

    def __call__(self, count: int) -> tuple[Tensor, Tensor]:
        """Windows [N, 5, 64, 64], and their flow in pixels a frame at the middle frame [N, 2, 8, 8]."""
        behind, velocity = self._layer(count)
        before, own = self._layer(count)
        centre = self._uniform(count, 1, 1, 2, low=-24, high=24)
        radii = self._uniform(count, 1, 1, 2, low=5, high=22)
        frames = []
        for t in range(-(LENGTH // 2), LENGTH // 2 + 1):
            inside = (self._grid - centre - t * own(self._grid)) / radii
            share = torch.sigmoid(6 * (1 - inside.norm(dim=-1)))
            shift = t * own(self._grid)
            object_ = sample(before, self._grid - shift)
            scene = sample(behind, self._grid - t * velocity(self._grid))
            frames.append(share * object_ + (1 - share) * scene)
            if t == 0:
                covered = (share > 0.5)[..., None]
        flow = torch.where(covered, own(self._grid), velocity(self._grid)).permute(0, 3, 1, 2)
        windows = torch.stack(frames, 1)
        grain = self._uniform(count, 1, 1, 1, high=0.1)
        windows = windows + grain * torch.from_numpy(self._random.standard_normal(windows.shape, np.float32))
        return windows, F.avg_pool2d(flow, CELL)

    def _layer(self, count: int):
        pictures = self._pictures.draw(self._random.random(count))
        return pictures, self._motion(count)

    def _motion(self, count: int):
        speed = torch.exp(self._uniform(count, low=np.log(SLOWEST), high=np.log(FASTEST)))
        angle = self._uniform(count, high=2 * np.pi)
        shift = (speed[:, None] * torch.stack([angle.cos(), angle.sin()], -1))[:, None, None]
        turn, grow = (self._uniform(count, low=-0.02, high=0.02) for _ in range(2))
        matrix = torch.stack([torch.stack([grow, -turn], -1), torch.stack([turn, grow], -1)], 1)
        return lambda places: shift + torch.einsum("nij,hwj->nhwi", matrix, places)

    def _uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        return torch.from_numpy(self._random.uniform(low, high, shape).astype(np.float32))


class Clips:
    """Windows of the generator's clips, `pool` of them in memory; every few draws one is made anew."""

    def __init__(self, seed: int, pool: int = 64, actions: tuple[str, ...] = tuple(ACTIONS)) -> None:
        self._random = np.random.default_rng([seed, 3])
        self._settings = ClipSettings(seconds=1.2, width=112, height=84, sound=False, seed=seed)
        self._made, self._actions = 0, actions
        self._pool = torch.stack([self._new() for _ in range(pool)])
        self._drawn = 0
        self._grid = grid()

    def __call__(self, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """Windows [N, 5, 64, 64], those that follow them, and the number of their speed in `SPEEDS` [N]."""
        if self._drawn % FRESH == 0:
            self._pool[(self._drawn // FRESH) % len(self._pool)] = self._new()
        self._drawn += 1
        rows = [self._frames(int(speed)) for speed in self._random.integers(len(SPEEDS), size=count)]
        both = self._moved(torch.stack([frames for frames, _ in rows]))
        speeds = torch.tensor([speed for _, speed in rows])
        return both[:, :LENGTH], both[:, LENGTH:], speeds

    def _new(self) -> Tensor:
        label = self._actions[self._made % len(self._actions)]
        clip = SyntheticClip(label, self._made, 0, self._settings)
        self._made += 1
        return torch.from_numpy(np.stack([frame @ GREY for frame in clip.frames()]).astype(np.float32))

    def _frames(self, speed: int) -> tuple[Tensor, int]:
        clip = self._pool[int(self._random.integers(len(self._pool)))]
        step = SPEEDS[speed]
        first = int(self._random.integers(len(clip) - step * (2 * LENGTH - 1)))
        return clip[first::step][: 2 * LENGTH], speed

    def _moved(self, frames: Tensor) -> Tensor:
        """[N, 10, H, W] -> [N, 10, 64, 64]: cut, scaled and mirrored at random, under a drifting camera."""
        count, length, height, width = frames.shape
        random = self._random
        scale = random.uniform(0.8, 1.25, (count, 1, 1, 1, 1))
        mirror = np.where(random.random((count, 1, 1, 1, 1)) < 0.5, [-1.0, 1.0], [1.0, 1.0])
        centre = random.uniform(-10, 10, (count, 1, 1, 1, 2))
        drift = random.normal(0, 0.5, (count, 1, 1, 1, 2)) * (random.random((count, 1, 1, 1, 1)) < 0.5)
        time = np.arange(length).reshape(1, length, 1, 1, 1) - (length - 1) / 2
        places = self._grid.numpy() * scale * mirror + centre + drift * time
        flat = torch.from_numpy(places.reshape(-1, SIDE, SIDE, 2).astype(np.float32))
        return sample(frames.reshape(-1, height, width), flat).reshape(count, length, SIDE, SIDE)
