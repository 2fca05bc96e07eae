"""Tables in the paper's shape: its values in place, ours beside them."""

from __future__ import annotations

import csv
import io

import pytest

from kinema.evaluation.rounds import Round
from kinema.recipe import Protocol
from kinema.resources import Resources
from kinema.studies.cells import make_cells, plan_rows
from kinema.studies.columns import COLUMNS
from kinema.studies.load import load_study
from kinema.studies.page import StudyPage, render
from kinema.studies.results import CellResult, RowResult
from kinema.studies.sheet import PaperValues, sheets
from kinema.studies.text import aligned, csv_text, markdown, tex
from support.rounds import one_round


def results(name: str, parts: list[str], layout: str = "folder") -> tuple:
    """A study whose cells are done, with accuracies of 0.5, 0.51 and so on."""
    study = load_study(name)
    rows, protocol = plan_rows(study, [], Resources(weights="none"))
    made = [Round(part, one_round().dataset, 0) for part in parts]
    found: dict[str, RowResult] = {}
    for number, cell in enumerate(make_cells(rows, made, layout)):
        metrics = {"accuracy": 0.5 + number / 100, "mean_class_accuracy": 0.5, "top5": 0.9}
        done = CellResult(cell, "done", metrics=metrics, cost={"paper_parameters": 7, "parameters": 5})
        found.setdefault(cell.planned.name, RowResult(cell.planned.name, [], protocol)).cells.append(done)
    return study, list(found.values())


def texts(sheet) -> dict[str, list[str]]:
    return {line.name: [e.text for e in line.entries] for line in sheet.lines}


def test_rounds_go_down_and_rows_across_where_the_paper_has_it_so() -> None:
    study, rows = results("i3d-gru-table-2", ["split 1", "split 2", "split 3"])
    (sheet,) = sheets(study, rows, "hmdb51")
    assert sheet.headings == ("L = 10", "paper, HMDB51", "L = 20", "paper, HMDB51", "L = 30", "paper, HMDB51")
    assert texts(sheet)["split 2"] == ["51.00", "82.91", "54.00", "83.59", "57.00", "77.03"]
    assert texts(sheet)["mean"] == ["51.00 ± 1.00", "–", "54.00 ± 1.00", "–", "57.00 ± 1.00", "–"]


def test_a_papers_mean_is_shown_with_its_splits_and_its_literature_below() -> None:
    study, rows = results("i3d-gru-table-5", ["split 1", "split 2", "split 3"], "ucf101")
    table, beside = sheets(study, rows, "ucf101")
    assert [line.entries[1].text for line in table.lines] == ["95.65", "96.87", "95.76", "96.09"]
    assert texts(beside)["Carreira and Zisserman [24] 2017"] == ["98.00"]
    assert texts(beside)["i3d-gru, the paper"] == ["96.09"]
    assert texts(beside)["i3d-gru, here"] == ["51.00 ± 1.00"]


@pytest.mark.parametrize(("layout", "data"), [("hmdb51", ["HMDB51"]), ("folder", ["HMDB51", "UCF101"])])
def test_values_of_the_data_at_hand_alone_where_the_paper_has_any(layout: str, data: list[str]) -> None:
    paper = PaperValues(load_study("i3d-gru-table-1"), layout)
    assert paper.data == data
    assert paper.value("accuracy", "average", "HMDB51") == 83.32


def test_counts_as_published_meet_the_papers() -> None:
    from kinema.model.build import count_parameters

    study = load_study("i3d-gru-table-4")
    rows, _ = plan_rows(study, [], Resources(weights="none"))
    paper = PaperValues(study, "hmdb51")
    for planned in rows:
        assert count_parameters(planned.recipe) == paper.value("paper_parameters", planned.name, "HMDB51")


def test_a_failed_cell_is_named_and_its_row_has_the_others() -> None:
    study, rows = results("i3d-gru-table-4", ["split 1"])
    rows[1].cells[0] = CellResult(rows[1].cells[0].cell, "failed", "out of memory")
    rows[2].cells[0] = CellResult(rows[2].cells[0].cell)
    (sheet,) = sheets(study, rows, "hmdb51")
    assert [line.remark for line in sheet.lines] == [
        "",
        "split 1, seed 0 failed: out of memory",
        "1 of 1 cells to come",
    ]
    assert texts(sheet)["2 LSTM layers of 256"][2] == "–"


def test_every_format_holds_the_same_values() -> None:
    study, rows = results("i3d-gru-table-4", ["split 1"])
    made = sheets(study, rows, "hmdb51")
    written = list(csv.DictReader(io.StringIO(csv_text(made))))
    paper = {
        r["row"]: float(r["value"])
        for r in written
        if r["source"] == "paper" and r["column"] == "paper, HMDB51"
    }
    assert set(paper) == {"2 GRU layers of 256", "2 LSTM layers of 256", "1 LSTM layer of 512"}
    assert {float(r["value"]) for r in written} >= {
        2768692,
        3687220,
        6321716,
        84.59,
        78.91,
        82.32,
        50,
        51,
        52,
    }
    lines = markdown("a title", made, ["said"]).splitlines()
    widths = {line.count("|") for line in lines if line.startswith("|")}
    assert len(widths) == 1
    assert all(value in "\n".join(aligned(made[0])) for value in ("2,768,692", "84.59", "51.00"))
    table = tex(made)
    rows_of = [line for line in table.splitlines() if line.endswith(r"\\")]
    assert {line.count("&") for line in rows_of} == {len(made[0].headings)}
    assert r"\%" in table
    assert "%" not in table.replace(r"\%", "").replace(f"% {made[0].title}", "")


def test_the_page_escapes_names_and_leads_to_every_run() -> None:
    study, rows = results("i3d-gru-table-4", ["split 1"])
    cells = [cell for row in rows for cell in row.cells]
    page = StudyPage(
        title="<script>alert(1)</script>", summary="", version="1", created="today", data="a & b",
        sheets=sheets(study, rows, "hmdb51"), cells=cells, differs=("<b>",), warnings=("x < y",),
    )  # fmt: skip
    html = render(page)
    assert "<script>alert(1)" not in html
    assert "a &amp; b" in html
    assert html.count("/report.html") == len(cells)
    assert 'href="cells/2-GRU-layers-of-256/split-1-seed-0/report.html"' in html
    for anchor in ("table", "cells", "paper"):
        assert f'href="#{anchor}"' in html
        assert f'id="{anchor}"' in html


def test_protocol_of_the_rows_is_the_studys() -> None:
    assert load_study("corehar-table-2").protocol == Protocol(kind="random", test_fraction=0.25)


@pytest.mark.parametrize(("classes", "text"), [(5, "–"), (6, "90.00")])
def test_the_top_five_of_five_classes_are_no_figure(classes: int, text: str) -> None:
    facts = {"metrics": {"top5": 0.9, "per_class": [{}] * classes}, "cost": {}}
    assert COLUMNS["top5"].text(COLUMNS["top5"].over([facts])[0]) == text


def test_what_is_measured_once_a_row_has_no_deviation() -> None:
    cells = [{"metrics": {}, "cost": {"extract_seconds": s, "train_seconds": s}} for s in (60.0, 120.0)]
    assert COLUMNS["extract_minutes"].over(cells) == (1.5, None)
    mean, spread = COLUMNS["train_minutes"].over(cells)
    assert mean == 1.5
    assert spread == pytest.approx(0.5**0.5)
