"""torch and OpenVINO in fp32 are one shelf of the store: on real clips nothing differs but rounding."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kinema.features.sequence_file import read_sequence
from kinema.inference.load import load
from kinema.resources import Resources
from kinema.workflows.extract import extract_dataset
from kinema.workflows.train import train

pytest.importorskip("openvino")

SPARSE = ["streams.rgb.sampling.fps=1"]


@pytest.fixture(scope="module")
def data(ucf_clips: Path, tmp_path_factory) -> Path:
    """Two classes of real clips, three groups to train on and one to test."""
    table = tmp_path_factory.mktemp("data") / "clips.csv"
    with open(table, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("file_name", "label", "split", "group"))
        for label in ("Archery", "Surfing"):
            for group in (8, 9, 10, 1):
                clip = next(ucf_clips.rglob(f"v_{label}_g{group:02}_c01.avi"))
                writer.writerow((clip, label, "test" if group == 1 else "train", f"g{group}"))
    return table


def test_features_agree_one_reuses_the_others_and_predictions_are_the_same(
    data: Path, shared_data: Path, ucf_clips: Path, tmp_path: Path
) -> None:
    common = Resources(weights=shared_data / "weights", features=tmp_path / "a", workers=1, device="cpu")
    by_torch, by_openvino = (replace(common, runtime=runtime) for runtime in ("torch", "openvino"))
    apart = replace(by_openvino, features=tmp_path / "b")
    first, other = (
        extract_dataset(data, recipe="lite", overrides=SPARSE, resources=r)["streams"]["rgb"]
        for r in (by_torch, apart)
    )
    assert first["fingerprint"] == other["fingerprint"]
    names = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*.safetensors"))
    assert len(names) == 8
    for name in names:
        one, two = (read_sequence(tmp_path / store / name).data for store in "ab")
        assert np.linalg.norm(one - two) < 1e-4 * np.linalg.norm(one)
    shared = extract_dataset(data, recipe="lite", overrides=SPARSE, resources=by_openvino)
    assert (shared["streams"]["rgb"]["extracted"], shared["streams"]["rgb"]["reused"]) == (0, 8)
    result = train(data, recipe="lite", out=tmp_path / "run", overrides=SPARSE, resources=by_torch)
    assert result.metrics["computed_with"] == {
        "device": "cpu",
        "precision": "fp32",
        "runtime": "torch",
        "again": 0,
    }
    for clip in ("v_Archery_g02_c01.avi", "v_Surfing_g02_c01.avi"):
        video = next(ucf_clips.rglob(clip))
        answers = [load(tmp_path / "run", r).predict(video) for r in (by_torch, by_openvino)]
        assert answers[0].label == answers[1].label
        np.testing.assert_allclose(answers[0].scores, answers[1].scores, atol=1e-3)
