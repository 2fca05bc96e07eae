"""`kinema embed`, `search` and `anomaly` from the command line: what is printed, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kinema.cli.app import app
from kinema.errors import UsageError, WorkError


def run(*arguments: str | Path) -> str:
    """stdout of one call that must succeed."""
    result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def parquet(tiny_run: Path, tiny_videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("cli") / "videos.parquet"
    features = tiny_run.parent / "features"
    facts = json.loads(run("embed", tiny_run, tiny_videos, "--out", file, "--features", features, "--json"))
    assert (facts["videos"], facts["dim"], facts["quarantined"]) == (12, 16, 0)
    return file


def test_search_knows_its_run(parquet: Path, tiny_videos: Path) -> None:
    video = next(tiny_videos.parent.glob("waving/*.mp4"))
    hits = json.loads(run("search", parquet, video, "--top", "2", "--json"))
    assert [set(hit) for hit in hits] == [{"path", "label", "score"}] * 2
    assert hits[0]["path"] == str(video)
    assert hits[0]["label"] == "waving"
    first = run("search", parquet, video, "--top", "2").splitlines()[0]
    assert first.split() == ["1.000", "waving", str(video)]


def test_an_index_answers_as_the_exact_search(parquet: Path, tiny_videos: Path) -> None:
    """Of twelve videos it looks into every list."""
    video = next(tiny_videos.parent.glob("waving/*.mp4"))
    refused = CliRunner().invoke(app, ["search", str(parquet), str(video), "--approximate"])
    assert isinstance(refused.exception, UsageError)
    assert "kinema index" in str(refused.exception)
    facts = json.loads(run("index", parquet, "--json"))
    assert (facts["rows"], facts["recall"]) == (12, 1.0)
    exact, found = (
        json.loads(run("search", parquet, video, "--top", "3", "--json", *more))
        for more in ((), ["--approximate"])
    )
    assert [hit["path"] for hit in found] == [hit["path"] for hit in exact]
    assert [hit["score"] for hit in found] == pytest.approx([hit["score"] for hit in exact], abs=1e-6)


def test_anomaly_fit_and_score(tiny_run: Path, tiny_videos: Path, tmp_path: Path) -> None:
    out, features = tmp_path / "detector", tiny_run.parent / "features"
    normal = ("--normal", "strike_bell", "--normal", "strike_drum")
    metrics = json.loads(
        run("anomaly", "fit", tiny_run, tiny_videos, "--out", out, *normal, "--features", features, "--json")
    )
    assert metrics["n_anomalous"] == 1, "the run was trained on the other three"
    assert (out / "report.html").is_file()
    video = next(tiny_videos.parent.glob("waving/*.mp4"))
    (row,) = json.loads(run("anomaly", "score", out, video, "--json"))
    assert row["threshold"] == pytest.approx(metrics["threshold"])
    assert row["anomalous"] == (row["error"] > row["threshold"])
    text = run("anomaly", "score", out, video, "--timeline", "--window", "0.5")
    assert ("ANOMALOUS" in text) or ("normal" in text)


def test_unreadable_videos_are_named_and_fail_at_the_end(
    tiny_run: Path, tiny_videos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "detector"
    run("anomaly", "fit", tiny_run, tiny_videos, "--out", out, "--features", tiny_run.parent / "features")
    (tmp_path / "text.mp4").write_text("no video")
    good = next(tiny_videos.parent.glob("waving/*.mp4"))
    result = CliRunner().invoke(app, ["anomaly", "score", str(out), str(tmp_path / "text.mp4"), str(good)])
    assert isinstance(result.exception, WorkError)
    assert "error" in result.output
    assert good.name in result.output


def test_absent_video_is_a_wrong_call(parquet: Path) -> None:
    result = CliRunner().invoke(app, ["search", str(parquet), "gone.mp4"])
    assert isinstance(result.exception, UsageError)
