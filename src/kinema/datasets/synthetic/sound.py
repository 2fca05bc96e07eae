"""The sound track: a neutral room for every class, strikes of a bell or a drum for the sound pair."""

from collections.abc import Sequence

import numpy as np

SAMPLE_RATE = 16000
_BELL = ((1.0, 1.0), (2.0, 0.5), (2.76, 0.45), (3.9, 0.2))  # partial, strength
_DRUM = ((1.0, 1.0), (1.59, 0.5), (2.14, 0.25))  # a round membrane's first modes


def ambience(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Room tone, float32 [samples] at 16 kHz: soft brownish noise that swells a little, and a faint hum.

    It repeats after 20 s; made in the frequency domain, it joins itself without a click.
    """
    loop = 20 * SAMPLE_RATE
    spectrum = np.fft.rfft(rng.standard_normal(loop))
    frequency = np.fft.rfftfreq(loop, 1 / SAMPLE_RATE)
    noise = np.fft.irfft(spectrum / np.maximum(frequency, 40.0) ** rng.uniform(0.5, 0.8), loop)
    time = np.arange(loop) / SAMPLE_RATE
    swell = 1 + 0.3 * np.sin(2 * np.pi * (rng.integers(2, 10) * time / 20 + rng.uniform()))
    hum = np.sin(2 * np.pi * rng.choice([100.0, 120.0]) * time)
    level = rng.uniform(0.006, 0.02)
    tone = level * (noise / noise.std() * swell + 0.3 * hum)
    return np.resize(tone.astype(np.float32), samples)


def strikes(kind: str, rng: np.random.Generator, samples: int, times: Sequence[float]) -> np.ndarray:
    """Strikes at `times` (seconds), float32 [samples]: a "bell" above 1 kHz, a "drum" mostly below 500 Hz."""
    track = np.zeros(samples, np.float32)
    pitch = rng.uniform(1300, 1900) if kind == "bell" else rng.uniform(130, 190)
    for time in times:
        start = round(time * SAMPLE_RATE)
        if not 0 <= start < samples:
            continue
        hit = rng.uniform(0.8, 1.0) * (_bell(pitch) if kind == "bell" else _drum(pitch, rng))
        end = min(start + len(hit), samples)
        track[start:end] += hit[: end - start]
    return track


def _bell(pitch: float) -> np.ndarray:
    time = np.arange(int(0.6 * SAMPLE_RATE)) / SAMPLE_RATE
    partials = [a * np.sin(2 * np.pi * pitch * k * time) * np.exp(-time * (5 + 2 * k)) for k, a in _BELL]
    return (0.16 * np.sum(partials, axis=0)).astype(np.float32)


def _drum(pitch: float, rng: np.random.Generator) -> np.ndarray:
    time = np.arange(int(0.35 * SAMPLE_RATE)) / SAMPLE_RATE
    glide = pitch * (time - 0.02 * np.exp(-time / 0.05))  # the pitch falls right after the blow
    modes = np.sum([a * np.sin(2 * np.pi * k * glide) * np.exp(-time * 11 * k) for k, a in _DRUM], axis=0)
    skin = np.convolve(rng.standard_normal(len(time)), np.ones(32) / 32, "same") * np.exp(-time / 0.02)
    return (0.3 * (modes + 0.8 * skin)).astype(np.float32)
