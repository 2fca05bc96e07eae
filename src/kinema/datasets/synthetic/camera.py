"""The camera: a window of a panorama, hand-held shake, sensor noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Shake:
    """Hand-held camera: a sum of slow sines per axis, which looks the same in both directions of time.

    `amplitude` [2, K] in pixels, `frequency` [2, K] in Hz, `phase` [2, K] in radians.
    """

    amplitude: np.ndarray
    frequency: np.ndarray
    phase: np.ndarray

    @classmethod
    def random(cls, rng: np.random.Generator, pixels: float) -> Shake:
        """A shake whose excursion per axis has a standard deviation of `pixels`."""
        terms = (2, 4)
        amplitude = pixels * np.sqrt(2 / terms[1]) * np.ones(terms)
        return cls(amplitude, rng.uniform(0.3, 3.5, terms), rng.uniform(0, 2 * np.pi, terms))

    def at(self, seconds: float) -> tuple[float, float]:
        """Offset (x, y) in pixels."""
        x, y = (self.amplitude * np.sin(2 * np.pi * self.frequency * seconds + self.phase)).sum(axis=1)
        return float(x), float(y)


def crop(panorama: np.ndarray, x: float, y: float, width: int, height: int) -> Image.Image:
    """The window of the panorama whose upper left corner is (x, y), wrapping around sideways."""
    columns = np.arange(round(x), round(x) + width) % panorama.shape[1]
    top = min(max(round(y), 0), panorama.shape[0] - height)
    return Image.fromarray(np.ascontiguousarray(panorama[top : top + height, columns]))


def add_noise(frame: np.ndarray, rng: np.random.Generator, sigma: float) -> np.ndarray:
    """The frame with Gaussian sensor noise of standard deviation `sigma` (grey levels); uint8 in and out."""
    noise = rng.standard_normal(frame.shape, dtype=np.float32)
    return np.clip(frame + sigma * noise + 0.5, 0, 255).astype(np.uint8)
