"""The log-mel front ends against librosa, an explicit slow reference, and cases with known answers."""

from __future__ import annotations

import json
import math
from pathlib import Path

import librosa
import numpy as np
import pytest

from kinema.audio.logmel import FRONT_ENDS, VGGISH, YAMNET, FrontEnd, log_mel, mel_matrix
from support.whole_sound import log_mel_examples

BOTH = pytest.mark.parametrize("front_end", [VGGISH, YAMNET], ids=lambda f: f.name)


def sound(seconds: float, seed: int = 0) -> np.ndarray:
    """A chirp, noise and a click: energy in all bands, loud and quiet."""
    time = np.arange(round(seconds * 16000)) / 16000
    rng = np.random.default_rng(seed)
    wave = 0.4 * np.sin(2 * np.pi * (100 + 3500 * time / seconds) * time) + rng.normal(0, 0.02, len(time))
    wave[len(wave) // 3] += 0.5
    return (wave * np.linspace(0.01, 1, len(wave))).astype(np.float32)


def librosa_log_mel(samples: np.ndarray, front_end: FrontEnd) -> np.ndarray:
    """librosa's short-time spectrum and mel scale; triangles straight in mel by interpolation.

    librosa puts the 400-sample window into the middle of the 512 that it transforms, so 56 zeros in front
    bring it to the same samples. Its own filter bank has triangles straight in hertz, which is not VGGish's.
    """
    spectrum = np.abs(
        librosa.stft(
            np.pad(samples.astype(np.float64), 56),
            n_fft=512,
            hop_length=160,
            win_length=400,
            window="hann",
            center=False,
        )
    )
    edges = librosa.hz_to_mel(librosa.mel_frequencies(66, fmin=125.0, fmax=7500.0, htk=True), htk=True)
    bins = librosa.hz_to_mel(librosa.fft_frequencies(sr=16000, n_fft=512), htk=True)
    bank = np.stack([np.interp(bins, edges[i : i + 3], [0, 1, 0]) for i in range(64)])
    return np.log(bank @ spectrum + front_end.log_offset).T


def slow_frame(samples: np.ndarray, frame: int, front_end: FrontEnd) -> list[float]:
    """One row by the definitions, term by term: window, Fourier sum, triangles, logarithm."""
    part = [float(s) for s in samples[frame * 160 : frame * 160 + 400]]
    windowed = [s * (0.5 - 0.5 * math.cos(2 * math.pi * n / 400)) for n, s in enumerate(part)]
    magnitudes = []
    for k in range(257):
        angle = -2j * math.pi * k / 512
        total = sum(w * np.exp(angle * n) for n, w in enumerate(windowed))
        magnitudes.append(abs(total))

    def mel(hertz: float) -> float:
        return 1127 * math.log(1 + hertz / 700)

    step = (mel(7500) - mel(125)) / 65
    row = []
    for band in range(64):
        left = mel(125) + band * step
        energy = 0.0
        for k in range(1, 257):
            position = (mel(k * 16000 / 512) - left) / step
            energy += magnitudes[k] * max(0.0, min(position, 2 - position))
        row.append(math.log(energy + front_end.log_offset))
    return row


@BOTH
def test_agrees_with_librosa(front_end: FrontEnd) -> None:
    samples = sound(3.0)
    ours, theirs = log_mel(samples, front_end), librosa_log_mel(samples, front_end)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs[: len(ours)], atol=1e-4)
    assert len(ours) == 1 + (48000 - 400) // 160


@BOTH
def test_agrees_with_the_definitions_term_by_term(front_end: FrontEnd) -> None:
    samples = sound(0.3, seed=1)
    ours = log_mel(samples, front_end)
    for frame in (0, 11, len(ours) - 1):
        np.testing.assert_allclose(ours[frame], slow_frame(samples, frame, front_end), atol=1e-4)


@BOTH
def test_examples_lie_where_the_front_end_says(front_end: FrontEnd) -> None:
    samples = sound(4.0, seed=2)
    rows = librosa_log_mel(samples, front_end)
    examples = log_mel_examples(samples, front_end)
    whole = [rows[i : i + 96] for i in range(0, len(rows) - 95, front_end.example_hop_frames)]
    np.testing.assert_allclose(examples[: len(whole)], np.stack(whole)[:, :96], atol=1e-4)


@BOTH
def test_silence_is_the_logarithm_of_the_offset(front_end: FrontEnd) -> None:
    examples = log_mel_examples(np.zeros(15600, np.float32), front_end)
    assert examples.shape == (1, 96, 64)
    assert (examples == np.float32(math.log(front_end.log_offset))).all()


@pytest.mark.parametrize("hertz", [200.0, 1000.0, 4000.0, 7000.0])
def test_a_tone_peaks_in_the_band_around_it(hertz: float) -> None:
    tone = np.sin(2 * np.pi * hertz * np.arange(16000) / 16000).astype(np.float32)
    band = int(log_mel(tone, VGGISH).mean(axis=0).argmax())
    centres = librosa.mel_frequencies(66, fmin=125.0, fmax=7500.0, htk=True)[1:-1]
    assert band == np.abs(centres - hertz).argmin()


def test_no_band_hears_the_direct_current_or_what_lies_beyond_its_limits() -> None:
    matrix = mel_matrix(VGGISH)
    assert matrix.shape == (257, 64)
    assert not matrix[0].any()
    heard = np.flatnonzero(matrix.sum(axis=1)) * 16000 / 512
    assert 125 < heard.min() < 125 + 32
    assert 7500 - 32 < heard.max() < 7500


def test_too_few_samples_or_channels_are_refused() -> None:
    for bad in (np.zeros(399), np.zeros((2, 16000))):
        with pytest.raises(ValueError, match="n >= 400"):
            log_mel(bad, VGGISH)


def test_yamnet_settings_are_those_published_with_its_weights(shared_data: Path) -> None:
    facts = json.loads((shared_data / "weights" / "yamnet_audioset.json").read_text())["frontend"]
    front_end = FRONT_ENDS["yamnet"]
    ours = {
        "sample_rate": front_end.sample_rate,
        "win_length": front_end.window,
        "hop_length": front_end.hop,
        "n_fft": front_end.fft,
        "n_mels": front_end.mel_bands,
        "fmin": front_end.low_hz,
        "fmax": front_end.high_hz,
        "log_offset": front_end.log_offset,
        "patch_frames": front_end.example_frames,
        "patch_hop_frames": front_end.example_hop_frames,
        "patch_samples": front_end.example_samples,
        "patch_hop_samples": front_end.example_hop,
    }
    assert ours == {key: facts[key] for key in ours}
