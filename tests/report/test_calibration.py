"""The reliability plot draws points that enough videos stand behind."""

import numpy as np
import pytest

from kinema.evaluation.calibration import calibration_metrics
from kinema.report.calibration import calibration_section, joined


def row(confidence, accuracy, count):
    return {"confidence": confidence, "accuracy": accuracy, "count": count}


def test_a_row_of_few_videos_joins_its_neighbours():
    rows = [row(0.35, 1.0, 1), row(0.55, 0.0, 1), row(0.65, 0.5, 8), row(0.75, 0.7, 10), row(0.95, 0.9, 100)]
    low, middle, high = joined(rows, 10)
    assert (low["count"], middle["count"], high["count"]) == (10, 10, 100)
    assert low["accuracy"] == pytest.approx(0.5)
    assert low["confidence"] == pytest.approx((0.35 + 0.55 + 8 * 0.65) / 10)
    assert (middle["accuracy"], high["accuracy"]) == (0.7, 0.9)


def test_a_rest_at_the_unsure_end_joins_the_row_above():
    (only,) = joined([row(0.5, 0.0, 3), row(0.9, 1.0, 30)], 10)
    assert (only["count"], only["accuracy"]) == (33, pytest.approx(30 / 33))
    assert joined([row(0.5, 1.0, 3)], 10) == [row(0.5, 1.0, 3)]


def test_no_video_is_lost_and_the_mean_stays():
    rng = np.random.default_rng(0)
    scores, truth = rng.dirichlet([0.5] * 3, 57), rng.integers(0, 3, 57)
    metrics = calibration_metrics(scores, truth)
    (plot,) = calibration_section(metrics).figures
    counts = [int(n) for n in plot.note.removeprefix("videos a point: ").split(", ")]
    assert sum(counts) == 57
    assert min(counts) >= 57 // 8
    accuracy = (scores.argmax(1) == truth).mean()
    assert np.average(plot.series[0].y, weights=counts) == pytest.approx(accuracy)
