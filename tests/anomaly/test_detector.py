"""A detector on disk: what is read back is what was written, and what is foreign is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from kinema.anomaly.autoencoder import fit_autoencoder, reconstruction_error
from kinema.anomaly.detector import Detector, load_detector, save_detector
from kinema.anomaly.threshold import choose_threshold
from kinema.errors import UsageError


@pytest.fixture
def detector() -> Detector:
    generator = torch.Generator().manual_seed(0)
    vectors = torch.randn(40, 12, generator=generator)
    autoencoder = fit_autoencoder(vectors[:25], bottleneck=2, epochs=5)
    held_out = reconstruction_error(autoencoder, vectors[25:]).sort().values
    return Detector(autoencoder, choose_threshold(held_out, 0.2), held_out, "run", "abc", 2.5, ("calm", "é"))


def test_read_back_equal(detector: Detector, tmp_path: Path) -> None:
    save_detector(tmp_path, detector)
    again = load_detector(tmp_path)
    assert again.threshold == detector.threshold
    assert (again.run, again.fingerprint, again.seconds, again.normal) == ("run", "abc", 2.5, ("calm", "é"))
    vector = torch.full((12,), 0.3)
    assert again.verdict(vector) == detector.verdict(vector)


def test_verdict_counts_normal_videos_with_smaller_errors(detector: Detector) -> None:
    far, verdict = torch.full((12,), 50.0), detector.verdict(torch.full((12,), 50.0))
    error = reconstruction_error(detector.autoencoder, far[None]).item()
    assert verdict.error == pytest.approx(error)
    assert verdict.percentile == 100.0
    assert verdict.anomalous
    near = detector.autoencoder.standardize.mean  # the mean of the normal videos is as normal as can be
    assert not detector.verdict(near).anomalous
    reached = (detector.held_out <= detector.verdict(near).error).float().mean().item()
    assert detector.verdict(near).percentile == pytest.approx(100 * reached)


def test_no_detector_newer_and_damaged_are_refused(detector: Detector, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="kinema anomaly fit"):
        load_detector(tmp_path)
    save_detector(tmp_path, detector)
    text = (tmp_path / "anomaly.yaml").read_text()
    (tmp_path / "anomaly.yaml").write_text(text.replace("kinema_anomaly: 2", "kinema_anomaly: 99"))
    with pytest.raises(UsageError, match="newer"):
        load_detector(tmp_path)
    (tmp_path / "anomaly.yaml").write_text(text.replace("kinema_anomaly: 2", "kinema_anomaly: 1"))
    with pytest.raises(UsageError, match="older Kinema; fit it again"):
        load_detector(tmp_path)
    (tmp_path / "anomaly.yaml").write_text(text)
    (tmp_path / "autoencoder.safetensors").write_bytes(b"short")
    with pytest.raises(UsageError, match="fit it again"):
        load_detector(tmp_path)
