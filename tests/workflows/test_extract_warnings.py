"""`extract` says of the data what `scan` says of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kinema.datasets import spool
from kinema.resources import Resources
from kinema.workflows import extract
from kinema.workflows.extract import extract_dataset
from kinema.workflows.scan import scan
from support.events import Told


@pytest.fixture
def leaky(tiny_videos: Path, tmp_path: Path) -> Path:
    """A group on both sides; thirty copies of one file, one tested, one under another label."""
    waving = sorted((tiny_videos.parent / "waving").glob("*.mp4"))
    drum = next((tiny_videos.parent / "strike_drum").glob("*.mp4"))
    rows = ["file_name,label,split,group"]
    for number, (video, split) in enumerate(zip(waving[:2], ("train", "test"), strict=True)):
        shutil.copy(video, tmp_path / f"{number}.mp4")
        rows.append(f"{number}.mp4,waving,{split},anna")
    for number in range(30):
        shutil.copy(drum, tmp_path / f"copy {number}.mp4")
        label, split = ("waving" if number == 7 else "drum"), ("test" if number == 9 else "train")
        rows.append(f"copy {number}.mp4,{label},{split},person {number}")
    (tmp_path / "x.csv").write_text("\n".join(rows))
    return tmp_path / "x.csv"


@pytest.mark.parametrize("most", [None, 3], ids=["in memory", "of any size"])
def test_leaks_duplicates_and_contradictions(
    leaky: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int | None
) -> None:
    if most is not None:  # as if the set were a thousand times as large
        monkeypatch.setattr(spool, "BLOCK", most)
        monkeypatch.setattr(extract, "RECENT_FILES", most)
    recipe = {
        "streams": {
            "rgb": {"input": "rgb", "sampling": {"kind": "uniform", "frames": 1}, "backbone": "mobilenet_v2"}
        },
        "name": "mine",
    }
    log, resources = Told(), Resources(weights="none", features=tmp_path / "f", workers=1, device="cpu")
    result = extract_dataset(leaky, recipe=recipe, resources=resources, events=log)
    said = "\n".join(log.warnings)
    assert "groups in train and in test, so the score is too high (1): anna" in said
    assert "identical files in different splits (1): copy 0.mp4 = copy 1.mp4" in said
    assert "identical files with different labels (1): copy 0.mp4" in said
    assert "and 26 more" in said
    assert "copy 20.mp4" not in said
    assert set(log.warnings) == set(scan(leaky, exact=False).warnings) == set(result["warnings"])
