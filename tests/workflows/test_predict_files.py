"""An archive: what `predict` says of each file, in one Parquet file, resumed by chunks."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import kinema
from kinema.cli.app import app
from kinema.cli.videos import Archive
from kinema.errors import UsageError, WorkError
from kinema.inference.answer_file import Answers, join_answers
from kinema.inference.answers import prediction_facts
from kinema.resources import Resources
from kinema.workflows import predict_files as module
from kinema.workflows.predict_files import predict_files

CPU = Resources(weights="none", device="cpu")


@pytest.fixture(scope="module")
def files(tiny_videos: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Five videos, of which one has no sound track a stream could use, and two that cannot be read."""
    text = tmp_path_factory.mktemp("broken") / "text\udcff.mp4"
    text.write_text("not a video\n")
    return [*sorted(tiny_videos.parent.rglob("*.mp4"))[:5], text, Path("/nowhere/gone.mp4")]


def table(out: Path) -> list[dict]:
    return pq.read_table(out).to_pylist()


def test_rows_are_the_answers_of_predict(files: list[Path], tiny_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "answers.parquet"
    result = predict_files(tiny_run, files, out, top=2, min_score=0.4, resources=CPU)
    assert (result.videos, result.failed) == (7, 2)
    run = kinema.load(tiny_run, CPU)
    for row, file in zip(table(out)[:5], files, strict=False):
        wanted = {"video": str(file), **prediction_facts(run.predict(file), 2, 0.4), "error": None}
        assert row == wanted
    for row, file in zip(table(out)[5:], files[5:], strict=True):
        assert row["video"] == str(file).encode("utf-8", "backslashreplace").decode()
        assert file.name.encode("utf-8", "backslashreplace").decode()[:4] in row["error"]
        assert row["label"] is row["score"] is row["top"] is row["unknown"] is None
    assert list(tmp_path.iterdir()) == [out]


def test_what_is_done_is_not_done_again(files, tiny_run: Path, tmp_path: Path, monkeypatch) -> None:
    """Stopped in the third chunk, then started again: the first two are as they were written."""
    monkeypatch.setattr(module, "CHUNK_VIDEOS", 2)
    out, rows, asked = tmp_path / "answers.parquet", module._Archive._rows, []

    def stopped(self, chunk, computing):
        asked.append(list(chunk))
        if len(asked) == 3:
            raise KeyboardInterrupt
        return rows(self, chunk, computing)

    monkeypatch.setattr(module._Archive, "_rows", stopped)
    with pytest.raises(KeyboardInterrupt):
        predict_files(tiny_run, files, out, resources=CPU)
    assert not out.exists()
    parts = sorted((tmp_path / "answers.parquet.parts").iterdir())
    assert len(parts) == 2
    parts[1].write_bytes(parts[1].read_bytes()[:100])  # and the second was damaged since
    result = predict_files(tiny_run, files, out, resources=CPU)
    assert [chunk[0] for chunk in asked[3:]] == [str(files[2]), str(files[4]), str(files[6])]
    assert (result.videos, result.failed) == (7, 2)
    monkeypatch.undo()
    predict_files(tiny_run, files, tmp_path / "whole.parquet", resources=CPU)
    assert table(out) == table(tmp_path / "whole.parquet")


def test_answers_of_another_question_are_not_taken(tmp_path: Path) -> None:
    rows = [{"video": "a", "error": "gone"}]
    Answers(tmp_path / "0.parquet", {"run": "x"}, ["a"]).write(rows)
    assert Answers(tmp_path / "0.parquet", {"run": "x"}, ["a"]).failed == 1
    assert Answers(tmp_path / "0.parquet", {"run": "y"}, ["a"]).failed is None
    assert Answers(tmp_path / "0.parquet", {"run": "x"}, ["b"]).failed is None
    join_answers([tmp_path / "0.parquet"] * 3, tmp_path / "all.parquet")
    assert [row["error"] for row in table(tmp_path / "all.parquet")] == ["gone"] * 3


def test_what_cannot_be_is_refused(files, tiny_run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"ending \.parquet"):
        predict_files(tiny_run, files, tmp_path / "answers.csv", resources=CPU)
    with pytest.raises(UsageError, match="no video is named"):
        predict_files(tiny_run, [], tmp_path / "answers.parquet", resources=CPU)
    with pytest.raises(WorkError, match="none of the 2 videos could be read"):
        predict_files(tiny_run, files[5:], tmp_path / "answers.parquet", resources=CPU)


def test_a_list_is_read_line_by_line(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes(b"\xef\xbb\xbfa b.mp4\r\n\n  \nc\xff.mp4")
    found = Archive([], tmp_path / "list.txt")
    assert found.total == 2
    assert [str(path) for path in found] == ["a b.mp4", "c\udcff.mp4"]
    assert list(found) == list(found), "it may be walked again"
    with pytest.raises(UsageError, match="cannot read the list"):
        Archive([], tmp_path / "gone.txt")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--out", "a.parquet", "--csv", "a.csv"), "leave --csv, --annotate and --tags out"),
        (("--out", "a.parquet", "--window", "2"), "no effect without --timeline"),
        (("--out", "missing/a.parquet"), "is in no existing folder"),
    ],
)
def test_options_that_do_not_go_together(
    words, said: str, tiny_run: Path, files, monkeypatch, tmp_path
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["predict", str(tiny_run), str(files[0]), *words])
    assert isinstance(result.exception, UsageError)
    assert said in str(result.exception)
