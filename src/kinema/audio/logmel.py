"""Log-mel front ends: what VGGish and YAMNet see of a waveform.

One computation, two settings (`VGGISH`, `YAMNET`), after Hershey et al., "CNN Architectures for Large-Scale
Audio Classification" (2017), and the code released with it: a periodic Hann window of 25 ms every 10 ms,
zeros appended up to the FFT length, the magnitude (not the power) of the spectrum, triangles that are
linear in HTK mel and have no area normalisation, and the logarithm of mel + offset.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np


@dataclass(frozen=True, slots=True)
class FrontEnd:
    """The settings of a log-mel front end; lengths are in samples unless the name says otherwise.

    `pad_end` appends zeros so that the last samples get an example too; without it a trailing part that
    is shorter than an example is dropped.
    """

    name: str
    log_offset: float
    example_hop_frames: int
    pad_end: bool
    sample_rate: int = 16000
    window: int = 400
    hop: int = 160
    fft: int = 512
    mel_bands: int = 64
    low_hz: float = 125.0
    high_hz: float = 7500.0
    example_frames: int = 96

    @property
    def example_samples(self) -> int:
        """Samples that one example looks at."""
        return (self.example_frames - 1) * self.hop + self.window

    @property
    def example_hop(self) -> int:
        """Samples from the start of one example to the start of the next."""
        return self.example_hop_frames * self.hop


VGGISH = FrontEnd("vggish", log_offset=0.01, example_hop_frames=96, pad_end=False)
"""Examples of 0.96 s without overlap; a trailing partial example is dropped."""

YAMNET = FrontEnd("yamnet", log_offset=0.001, example_hop_frames=48, pad_end=True)
"""Examples of 0.96 s, one every 0.48 s; the end is filled up with zeros."""

FRONT_ENDS = {front_end.name: front_end for front_end in (VGGISH, YAMNET)}
"""By the name of the backbone that each belongs to."""


def log_mel(samples: np.ndarray, front_end: FrontEnd) -> np.ndarray:
    """The log-mel spectrogram of `samples`: float [n] in [-1, 1] -> float32 [frames, mel_bands].

    `frames` is `1 + (n - window) // hop`. Computed in float64, as the original is.
    Raises `ValueError` for fewer samples than one window.
    """
    if samples.ndim != 1 or len(samples) < front_end.window:
        raise ValueError(f"samples must be [n] with n >= {front_end.window}, got {samples.shape}")
    starts = np.arange(0, len(samples) - front_end.window + 1, front_end.hop)
    windows = samples[starts[:, None] + np.arange(front_end.window)] * _hann(front_end.window)
    spectrum = np.abs(np.fft.rfft(windows, front_end.fft))
    return np.log(spectrum @ mel_matrix(front_end) + front_end.log_offset).astype(np.float32)


@lru_cache(maxsize=4)
def mel_matrix(front_end: FrontEnd) -> np.ndarray:
    """Weights of each mel band on each FFT bin: float64 [fft // 2 + 1, mel_bands], read-only.

    Band k is a triangle over the mel points k, k + 1 and k + 2 of `mel_bands + 2` points at equal
    distances in mel. Its sides are straight in mel, not in hertz as elsewhere; the DC bin counts nowhere.
    """
    bins = _mel(np.arange(front_end.fft // 2 + 1) * front_end.sample_rate / front_end.fft)[:, None]
    low, high = _mel(np.array([front_end.low_hz, front_end.high_hz]))
    edges = np.linspace(low, high, front_end.mel_bands + 2)
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    weights = np.minimum((bins - left) / (centre - left), (right - bins) / (right - centre)).clip(min=0.0)
    weights[0] = 0.0
    weights.flags.writeable = False
    return weights


def _mel(hertz: np.ndarray) -> np.ndarray:
    return 1127.0 * np.log1p(hertz / 700.0)


@lru_cache(maxsize=4)
def _hann(length: int) -> np.ndarray:
    """Periodic Hann window: the period is `length`, not `length - 1`."""
    return 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(length) / length)
