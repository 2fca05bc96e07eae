"""Anomaly detection end to end on a tiny run: folders, classes, split, report, scores."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from kinema.anomaly.detector import load_detector
from kinema.errors import UsageError
from kinema.inference.anomaly import load_anomaly
from kinema.resources import Resources
from kinema.workflows.anomaly import AnomalyOptions, fit_anomaly


@pytest.fixture(scope="module")
def store(tiny_run: Path) -> Path:
    return tiny_run.parent / "features"


@pytest.fixture(scope="module")
def fitted(tiny_run: Path, tiny_videos: Path, store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bell and drum normal, waving anomalous; the set's own split holds out one actor of four."""
    out = tmp_path_factory.mktemp("anomaly") / "detector"
    options = AnomalyOptions(normal=("strike_bell", "strike_drum"), epochs=20)
    metrics = fit_anomaly(tiny_run, tiny_videos, out, options=options, resources=Resources(features=store))
    assert metrics == json.loads((out / "metrics.json").read_text())
    return out


def test_split_of_the_data_separates_fit_and_threshold(fitted: Path) -> None:
    metrics = json.loads((fitted / "metrics.json").read_text())
    assert (metrics["n_fit"], metrics["n_normal"], metrics["n_anomalous"]) == (6, 2, 1)
    assert metrics["n_trained_on"] == 9, "the run has seen three actors of four in three classes"
    assert metrics["independent"] == {"normal": 2, "anomalous": 1}
    assert 0 <= metrics["ci95"][0] <= metrics["auroc"] <= metrics["ci95"][1] <= 1
    assert not metrics["false_alarms"]["reachable"]
    assert "unsure" in metrics["certainty"]


def test_report_has_curve_histogram_and_strips(fitted: Path) -> None:
    page = (fitted / "report.html").read_text()
    for text in ("ROC, area", "Share of videos by reconstruction error", "Most anomalous", "data:image/"):
        assert text in page


def test_score_is_the_error_of_the_embedding(fitted: Path, tiny_videos: Path) -> None:
    loaded = load_anomaly(fitted)
    video = next(tiny_videos.parent.glob("waving/*.mp4"))
    verdict = loaded.score(video)
    model = loaded.detector.autoencoder
    z = (loaded.run.embed(video) - model.standardize.mean.numpy()) / model.standardize.std.numpy()
    with torch.no_grad():
        rebuilt = model.decoder(model.encoder(torch.from_numpy(z)[None]))[0].numpy()
    assert verdict.error == pytest.approx(float(np.mean((z - rebuilt) ** 2)), rel=1e-4)
    assert verdict.anomalous == (verdict.error > loaded.detector.threshold.value)


def test_timeline_covers_the_video_in_order(fitted: Path, tiny_videos: Path) -> None:
    loaded = load_anomaly(fitted)
    video = next(tiny_videos.parent.glob("waving/*.mp4"))
    rows = loaded.timeline(video, window_seconds=0.5, stride_seconds=0.25)
    assert [start for start, _, _ in rows] == sorted(start for start, _, _ in rows)
    assert rows[0][0] == 0
    assert rows[-1][1] > max(s.pts_seconds[-1] for s in loaded.run.features(video).values())


def test_a_folder_of_loose_normal_videos_is_enough(
    tiny_run: Path, tiny_videos: Path, store: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "normal"
    folder.mkdir()
    for number, path in enumerate(sorted(tiny_videos.parent.glob("*/*.mp4"))[:8]):
        shutil.copy(path, folder / f"{number}.mp4")
    options = AnomalyOptions(epochs=5, false_alarms=0.4)
    metrics = fit_anomaly(
        tiny_run, folder, tmp_path / "detector", options=options, resources=Resources(features=store)
    )
    assert (metrics["n_fit"], metrics["n_normal"]) == (6, 2), "the run has seen six: two set the threshold"
    assert metrics["false_alarms"]["reachable"]
    assert "auroc" not in metrics
    assert load_detector(tmp_path / "detector").normal == ()
    assert "ROC" not in (tmp_path / "detector" / "report.html").read_text().split("<main")[-1]


def test_normal_videos_that_the_run_has_seen_set_no_threshold(
    tiny_run: Path, tiny_videos: Path, store: Path, tmp_path: Path
) -> None:
    seen = (tiny_run / "training_videos.csv").read_text(encoding="utf-8").splitlines()[1:]
    folder = tmp_path / "normal"
    folder.mkdir()
    for number, row in enumerate(seen):
        shutil.copy(tiny_videos.parent / row.split(",")[0], folder / f"{number}.mp4")
    with pytest.raises(UsageError, match=r"trained on 9 of the 9 normal videos.*give normal videos"):
        fit_anomaly(tiny_run, folder, tmp_path / "detector", resources=Resources(features=store))


def test_bad_calls_leave_nothing(tiny_run: Path, tiny_videos: Path, store: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(UsageError, match="no class 'flying'"):
        fit_anomaly(
            tiny_run,
            tiny_videos,
            out,
            options=AnomalyOptions(normal=("flying",)),
            resources=Resources(features=store),
        )
    few = tmp_path / "few"
    few.mkdir()
    shutil.copy(next(tiny_videos.parent.glob("waving/*.mp4")), few)
    with pytest.raises(UsageError, match="too few"):
        fit_anomaly(tiny_run, few, out, resources=Resources(features=store))
    assert not list(out.glob("*"))


def test_another_or_a_lost_run_is_refused(fitted: Path, tiny_run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--run"):
        load_anomaly(fitted, run=tmp_path / "gone")
    moved = shutil.copytree(tiny_run, tmp_path / "moved")
    assert load_anomaly(fitted, run=moved).detector.normal == ("strike_bell", "strike_drum")
    config = (moved / "config.yaml").read_text()
    (moved / "config.yaml").write_text(config.replace("stride: 5", "stride: 4"))
    with pytest.raises(UsageError, match="not the one"):
        load_anomaly(fitted, run=moved)
