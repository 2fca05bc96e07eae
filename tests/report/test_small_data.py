"""What the report says of folds, of more videos and of doubted labels, with known figures."""

from __future__ import annotations

import pytest

from kinema.report.data import Lines, ReportData, Sample, Table
from kinema.report.label_doubts import label_doubts_section
from kinema.report.learning_curve import learning_curve_section
from kinema.report.model_card import model_card
from kinema.report.render import render_report

POINTS = [
    {"n_train": 10, "accuracy": 0.5, "std": 0.1},
    {"n_train": 67, "accuracy": 0.71, "std": 0.02},
    {"n_train": 96, "accuracy": 0.75, "std": None},
]


def plain(text: str) -> str:
    return text.replace("\u202f", " ")


@pytest.mark.parametrize(
    ("answer", "says"),
    [("yes", "will probably help"), ("no", "probably add little"), ("unclear", "too uncertain to tell")],
)
def test_one_sentence_on_more_videos(answer: str, says: str) -> None:
    found = {"answer": answer, "gain": 0.041, "error": 0.015, "head": "own"}
    section = learning_curve_section({"learning_curve": POINTS, "more_videos": found})
    assert section.intro.startswith("From 67 to 96 training videos accuracy changed by +4.1 ± 1.5 points: ")
    assert says in section.intro
    assert "own head" not in section.intro
    plot, table = section.figures
    assert isinstance(plot, Lines)
    assert isinstance(table, Table)
    assert list(plot.series[0].x) == [10, 67, 96]
    rows = [[plain(str(cell)) for cell in row] for row in table.rows]
    assert rows == [["10", "50.0 %", "10.0 %"], ["67", "71.0 %", "2.0 %"], ["96", "75.0 %", "–"]]


def test_another_head_is_said() -> None:
    found = {"answer": "no", "gain": 0.0, "error": 0.001, "head": "moments"}
    section = learning_curve_section({"learning_curve": POINTS, "more_videos": found})
    assert "in place of the recipe's own head" in section.intro


def test_doubted_labels_are_shown_and_the_rest_counted() -> None:
    sample = Sample("a/1.mp4", "a", (("b", 0.96), ("a", 0.04)))
    section = label_doubts_section([sample], 3)
    page = plain(render_report(ReportData("x", sections=(section,))))
    assert "Are these labels right?" in page
    assert ">Labels</a>" in page
    assert "2 more in metrics.json" in page
    assert "1.mp4" in page
    assert "96.0 %" in page
    assert "<h3></h3>" not in page
    assert "more in metrics.json" not in render_report(
        ReportData("x", sections=(label_doubts_section([sample], 1),))
    )


def test_headline_and_card_say_what_folds_measured() -> None:
    said = "36 test videos are too few for one split: measured by 5 folds"
    metrics = {
        "accuracy": 0.9,
        "n_test": 120,
        "split": "5 folds of files at random, seed 0",
        "protocol": {"trained_on": 120, "said": said},
    }
    data = ReportData("x", metrics=metrics)
    assert f"{said}." in plain(render_report(data))
    card = plain(model_card(data))
    assert "each tested by a model that was trained without it" in card
    assert "The model here is trained on all 120 videos" in card
    assert "36 test videos" not in plain(
        render_report(ReportData("x", metrics={"accuracy": 0.9, "n_test": 9}))
    )
