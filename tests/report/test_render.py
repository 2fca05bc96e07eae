"""report.html: complete, well-formed, self-contained, and deaf to what hides in names."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from kinema.report.data import (
    Comparison,
    Cost,
    DatasetFacts,
    FilmStrip,
    Lines,
    ReportData,
    Sample,
    Section,
    Series,
    Strips,
    Table,
    WeightsSource,
)
from kinema.report.figures import line_chart
from kinema.report.render import render_report, write_report

VOID = {"meta", "img", "br", "link", "input"}
NASTY = "<script>alert(1)</script>"
QUOTED = "\"onmouseover='x' & <b>\n"
ARABIC = "قتال"


class Page(HTMLParser):
    """Parses strictly: every tag is closed in order, no attribute and no id occurs twice."""

    def __init__(self, text: str):
        super().__init__()
        self.stack: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        assert self.stack == []
        ids = [attrs["id"] for _, attrs in self.tags if "id" in attrs]
        assert len(ids) == len(set(ids))

    def handle_starttag(self, tag, attrs):
        assert len(attrs) == len(dict(attrs)), f"doubled attribute in {tag}"
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):  # <path/> inside SVG
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.stack, f"</{tag}> closes nothing"
        assert self.stack.pop() == tag

    def handle_data(self, data):
        self.texts.append((self.stack[-1] if self.stack else "", data))

    @property
    def text(self) -> str:
        words = "".join(data for tag, data in self.texts if tag not in ("script", "style"))
        return words.replace("\u202f", " ")

    def count(self, tag: str, **wanted: str) -> int:
        return sum(name == tag and wanted.items() <= attrs.items() for name, attrs in self.tags)

    def json(self, kind: str) -> list:
        text, found = iter(self.texts), []
        scripts = [attrs for tag, attrs in self.tags if tag == "script"]
        bodies = [data for tag, data in text if tag == "script"]
        for attrs, body in zip(scripts, bodies, strict=True):
            if attrs.get("class") == kind:
                found.append(json.loads(body))
        return found


def metrics(labels: list[str], confusion: list[list[int]]) -> dict:
    support = [sum(row) for row in confusion]
    per_class = [
        {
            "label": label,
            "recall": row[index] / max(1, sum(row)),
            "precision": 0.5,
            "f1": 0.6,
            "support": sum(row),
        }
        for index, (label, row) in enumerate(zip(labels, confusion, strict=True))
    ]
    accuracy = sum(row[index] for index, row in enumerate(confusion)) / sum(support)
    return {
        "accuracy": accuracy,
        "top3": 0.991,
        "top5": 1.0,
        "mean_class_accuracy": 0.8765,
        "ci95": [0.7012, 0.9234],
        "majority_baseline": 0.188,
        "n_test": sum(support),
        "split": "test",
        "confusion": confusion,
        "per_class": per_class,
    }


STRIP = FilmStrip(b"\xff\xd8not really", (0.0, 0.52, 1.04), 300, 100)


@pytest.fixture
def full() -> ReportData:
    labels = ["walk", "run", "box", "wave"]
    confusion = [[9, 1, 0, 0], [2, 8, 0, 0], [0, 0, 10, 0], [0, 0, 3, 4]]
    return ReportData(
        "Four actions",
        summary="A small recogniser.",
        created="2025-01-02",
        version="1.2.3",
        recipe="lite",
        recipe_yaml="name: lite\nstreams:\n  rgb: <x>\n",
        paper_title="A paper & more",
        paper_doi="10.5829/ije.2020",
        notes=("The paper leaves the batch open.",),
        warnings=("The split was made here.",),
        metrics=metrics(labels, confusion),
        history=[
            {
                "epoch": epoch,
                "train_loss": 1 / epoch,
                "train_accuracy": 1 - 0.5 / epoch,
                "val_loss": 1.2 / epoch,
                "val_accuracy": 0.9 - 0.5 / epoch,
                "lr": 1e-3,
                "seconds": 0.5,
            }
            for epoch in range(1, 6)
        ],
        comparisons=(
            Comparison("This run", {"all": 0.838, "order pair": 0.98}, ours=True),
            Comparison("Frames shuffled", {"all": 0.8, "order pair": 0.497}, "random order"),
        ),
        samples=(
            Sample(
                "walk/a.mp4",
                "walk",
                (("walk", 0.9934), ("run", 0.0055), ("box", 0.0011)),
                STRIP,
                ("in", "", "out"),
            ),
            Sample("run/b.mp4", "run", (("walk", 0.87), ("run", 0.12), ("wave", 0.01)), STRIP),
            Sample("run/c.mp4", "run", (("walk", 0.61), ("run", 0.38), ("wave", 0.01))),
        ),
        dataset=DatasetFacts(
            "clips",
            "folder",
            "by group",
            {label: {"train": 20, "test": 10} for label in labels},
            absent=["gone.avi"],
            quarantined=[("broken.mp4", "no moov atom")],
            duplicates=["a = b"],
            leaks=["person07 in train and test"],
        ),
        cost=Cost(
            stages={"extraction": 41.2, "training": 187.0},
            computed={"rgb": 322},
            reused={"rgb": 1208},
            extraction_rate=7.81,
            training_rate=1.63,
            peak_memory=912_000_000,
            store_size=26_300_000,
            device="CPU",
            features="fp32 by openvino",
            threads=2,
            trainable_parameters=541_000,
            frozen_parameters=2_223_872,
            weights=(WeightsSource("mobilenet_v2", "imagenet"),),
        ),
        sections=(
            Section(
                "Anomalies",
                "Unseen classes.",
                (
                    Lines(
                        "ROC",
                        "false alarms",
                        (Series("AUROC 0.93", [0, 0.5, 1], [0, 0.9, 1]),),
                        True,
                        diagonal=True,
                    ),
                    Table("Sound", ("class", "with"), [("walk", 17), ("run", None)]),
                    Strips("Most anomalous", [Sample("odd.mp4", None, (("error", 3.2),), STRIP)]),
                ),
            ),
        ),
    )


def test_everything_is_on_the_page(full):
    page = Page(render_report(full))
    for text in (
        "Four actions",
        "A small recogniser.",
        "2025-01-02",
        "1.2.3",
        "The split was made here.",
        "83.8 %",
        "37 held-out clips",
        "70.1 % to 92.3 %",
        "18.8 %",
        "99.1 %",
        "87.6 %",
        "Frames shuffled",
        "49.7 %",
        "2 of 10 run called walk",
        "3 of 7 wave called box",
        "walk/a.mp4",
        "run/c.mp4",
        "99.3 %",
        "0.52 s",
        "out",
        "gone.avi",
        "broken.mp4: no moov atom",
        "a = b",
        "person07 in train and test",
        "by group",
        "912.0 MB",
        "26.3 MB",
        "541 000 trainable",
        "2 223 872 frozen",
        "322 computed, 1 208 reused",
        "0.128 s a video, 7.81 videos a second",
        "0.613 s a video, 1.63 videos a second",
        "2 threads",
        "3 min 7 s",
        "imagenet",
        "name: lite\nstreams:\n  rgb: <x>\n",
        "A paper & more",
        "leaves the batch open",
        "Anomalies",
        "AUROC 0.93",
        "odd.mp4",
        "0.25",
    ):
        assert text in page.text, text


def test_matrix_holds_every_cell(full):
    text = render_report(full)
    table = re.search(r'<table class="matrix large".*?</table>', text, re.S).group()
    rows = re.findall(r"<tr>(.*?)</tr>", table.split("<tbody>")[1])
    cells = [[int(cell or 0) for cell in re.findall(r"<td[^>]*>(\d*)</td>", row)] for row in rows]
    assert cells == full.metrics["confusion"]
    (facts,) = Page(text).json("confusion-data")
    assert facts["labels"] == ["walk", "run", "box", "wave"]
    assert (facts["classes"], facts["totals"]) == ([0, 1, 2, 3], [10, 10, 10, 7])


def test_cards_lead_back_to_their_matrix_cell(full):
    page = Page(render_report(full))
    places = [
        (attrs["data-truth"], attrs["data-said"])
        for tag, attrs in page.tags
        if tag == "li" and "data-truth" in attrs
    ]
    assert sorted(places) == [("0", "0"), ("1", "0"), ("1", "0")]


def test_bars_start_with_the_best_recall(full):
    page = Page(render_report(full))
    recalls = [float(attrs["data-recall"]) for tag, attrs in page.tags if "data-recall" in attrs]
    assert recalls == sorted(recalls, reverse=True)
    assert len(recalls) == 4


def test_curves_hold_the_history(full):
    loss, accuracy, roc = Page(render_report(full)).json("chart-data")
    assert [series["name"] for series in loss["series"]] == ["training", "validation"]
    assert loss["series"][0]["y"] == pytest.approx([1, 0.5, 0.33333, 0.25, 0.2])
    assert accuracy["series"][1]["y"][-1] == pytest.approx(0.8)
    assert roc["series"][0]["x"] == [0, 0.5, 1]


def test_nothing_is_loaded_from_elsewhere(full):
    text = render_report(full)
    page = Page(text)
    links = [attrs[key] for _, attrs in page.tags for key in ("src", "href") if key in attrs]
    outside = [link for link in links if not link.startswith(("#", "data:image/"))]
    assert outside == ["https://doi.org/10.5829/ije.2020"]
    style = next(data for tag, data in page.texts if tag == "style")
    assert not re.search(r"@import|url\(|//", re.sub(r"/\*.*?\*/", "", style))
    assert text.count("http:") + text.count("https:") == 1
    assert page.count("link") == page.count("iframe") == 0


def test_policy_admits_only_the_pages_own_script(full):
    page = Page(render_report(full))
    policy = next(attrs["content"] for tag, attrs in page.tags if tag == "meta" and "http-equiv" in attrs)
    scripts = [data for tag, data in page.texts if tag == "script" and not data.startswith("{")]
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert len(scripts) == 1
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")


@pytest.mark.parametrize(
    "evil", [NASTY, QUOTED, ARABIC, "</style></title>", "a\x00b\ud800", "{{x}} $title ${y}", "-->"]
)
def test_names_are_text_wherever_they_stand(full, evil):
    calm = Page(render_report(rename(full, "calm")))
    page = Page(render_report(rename(full, evil)))
    assert [(tag, sorted(attrs)) for tag, attrs in page.tags] == [
        (tag, sorted(attrs)) for tag, attrs in calm.tags
    ]
    shown = evil.replace("\n", "␊").replace("\x00", "␀").replace("\ud800", "\ufffd")
    # as often as a harmless name, and nowhere changed
    kept = "\n" in evil  # the recipe is the one place that keeps its line breaks
    assert page.text.count(shown) + kept == calm.text.count("calm") > 30
    assert page.json("confusion-data")[0]["labels"][0] == shown


def rename(data: ReportData, evil: str) -> ReportData:
    """The same report with `evil` in every place that a user's text can reach."""
    labels = [evil, "run", "box", "wave"]
    facts = data.dataset
    sample = replace(
        data.samples[0], video=evil, truth=evil, top=((evil, 0.9), ("run", 0.1)), tags=(evil,), note=evil
    )
    figures = (
        Lines(evil, evil, (Series(evil, [0, 1], [0, 1]),), dividers=((0.5, evil),), note=evil),
        Table(evil, (evil,), [(evil,)], evil),
        Strips(evil, [sample], evil),
    )
    return replace(
        data,
        title=evil,
        summary=evil,
        created=evil,
        version=evil,
        recipe=evil,
        recipe_yaml=evil,
        paper_title=evil,
        paper_doi=evil,
        notes=(evil,),
        warnings=(evil,),
        metrics=metrics(labels, data.metrics["confusion"]),
        history=[{**row, "stage": f"{evil}{index > 2}"} for index, row in enumerate(data.history)],
        comparisons=(Comparison(evil, {evil: 0.5}, evil),),
        samples=(sample, replace(sample, truth="run")),
        dataset=replace(
            facts,
            root=evil,
            layout=evil,
            split_source=evil,
            counts={evil: {"train": 2, evil: 3}},
            absent=[evil],
            quarantined=[(evil, evil)],
            duplicates=[evil],
            leaks=[evil],
        ),
        cost=replace(data.cost, stages={evil: 1.0}, device=evil, weights=(WeightsSource(evil, evil, True),)),
        sections=(Section(evil, evil, figures),),
    )


@pytest.mark.parametrize("classes", [2, 13, 30, 101])
def test_any_number_of_classes(classes):
    confusion = [
        [5 if row == column else int(column == row + 1) for column in range(classes)]
        for row in range(classes)
    ]
    labels = [f"class {index}" for index in range(classes)]
    counts = {label: {"train": 3, "test": 6} for label in labels}
    text = render_report(
        ReportData(
            "Many", metrics=metrics(labels, confusion), dataset=DatasetFacts("d", "csv", "given", counts)
        )
    )
    page = Page(text)
    matrix = text.split("<tbody>")[1].split("</tbody>")[0]
    assert matrix.count("<td") == classes**2
    assert sum("data-recall" in attrs for _, attrs in page.tags) == classes
    assert len(text) < 400_000


def test_only_a_title_is_needed():
    page = Page(render_report(ReportData("Bare")))
    assert "Bare" in page.text
    assert {attrs["id"] for _, attrs in page.tags if "id" in attrs} == {"main"}


def test_absent_parts_leave_no_heading_and_no_link(full):
    page = Page(render_report(replace(full, history=(), samples=(), comparisons=(), cost=None, sections=())))
    links = {attrs["href"] for tag, attrs in page.tags if tag == "a"}
    assert links == {
        "#main",
        "#result",
        "#classes",
        "#confusion",
        "#data",
        "#recipe",
        "https://doi.org/10.5829/ije.2020",
    }
    assert not page.json("chart-data")


def test_a_perfect_run_has_no_misses(full):
    perfect = metrics(["a", "b"], [[7, 0], [0, 7]])
    page = Page(render_report(replace(full, metrics=perfect, samples=full.samples[:1])))
    assert "Nothing: every clip was recognised." in page.text
    assert "Worst misses" not in page.text
    assert "Surest hits" in page.text


def test_random_weights_are_called_out_first(full):
    cost = replace(full.cost, weights=(WeightsSource("vgg16", "random, seed 0", random=True),))
    page = Page(render_report(replace(full, cost=cost)))
    assert page.text.index("Random weights: vgg16 was never trained") < page.text.index(
        "The split was made here."
    )
    assert page.text.index("Random weights") < page.text.index("83.8 %")
    assert "Random weights" not in Page(render_report(full)).text


def test_not_a_number_is_never_written(full):
    nan = float("nan")
    broken = {**full.metrics, "mean_class_accuracy": nan, "ci95": [nan, nan], "majority_baseline": None}
    broken["per_class"] = [{**entry, "precision": nan, "f1": None} for entry in full.metrics["per_class"]]
    history = [
        {**row, "val_loss": nan, "train_loss": float("inf") if row["epoch"] == 2 else 1.0}
        for row in full.history
    ]
    page = Page(render_report(replace(full, metrics=broken, history=history)))
    loss = page.json("chart-data")[0]
    assert [series["name"] for series in loss["series"]] == ["training"]
    assert loss["series"][0]["y"] == [1.0, None, 1.0, 1.0, 1.0]
    assert not re.search(r"\bnan\b|\binf\b", page.text, re.I)
    assert not any(re.search(r"\bnan\b|\binf\b", str(attrs), re.I) for _, attrs in page.tags)


def test_stages_that_count_from_one_are_laid_end_to_end(full):
    history = [
        {"epoch": 1 + step % 3, "train_loss": 1.0, "stage": "backbone" if step < 3 else "temporal"}
        for step in range(6)
    ]
    page = Page(render_report(replace(full, history=history)))
    assert page.json("chart-data")[0]["series"][0]["x"] == [1, 2, 3, 4, 5, 6]
    assert page.count("path", **{"class": "divider"}) == 2
    assert "epoch, all stages" in page.text


def test_long_lists_are_counted_not_shown(full):
    facts = replace(full.dataset, absent=[f"gone{index}.avi" for index in range(9000)])
    page = Page(render_report(replace(full, dataset=facts)))
    assert "9 000 listed files are absent" in page.text
    assert "and 8 960 more" in page.text
    assert "gone39.avi" in page.text
    assert "gone40.avi" not in page.text


def test_a_matrix_that_does_not_fit_its_labels_is_refused():
    good = metrics(["a", "b"], [[1, 0], [0, 1]])
    with pytest.raises(ValueError, match="confusion must be 2 x 2"):
        ReportData("x", metrics={**good, "confusion": [[1, 0]]})


def test_the_file_is_replaced_whole(full, tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    write_report(path, full)
    assert path.read_text(encoding="utf-8") == render_report(full)

    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    before = path.read_bytes()
    with pytest.raises(OSError, match="disk full"):
        write_report(path, replace(full, title="Other"))
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.html"]


def test_a_report_needs_neither_torch_nor_a_decoder():
    code = (
        "import sys, kinema.report.model_card; print({'torch', 'av', 'numpy'} & set(sys.modules) - {'numpy'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_one_step_is_told_in_numbers(full):
    row = {"stage": "temporal", "epoch": 1, "train_accuracy": 0.75, "strength": 0.1}
    page = render_report(replace(full, history=[row]))
    learning = page.split('id="training"')[1].split("</section>")[0]
    assert "One step" in learning
    assert "train accuracy" in learning
    assert "0.75" in learning
    assert "<svg" not in learning


def test_a_diagonal_chart_runs_from_zero_to_one():
    chart = line_chart(
        Lines("Reliability", "p", (Series("videos", [0.9], [0.8]),), percent=True, diagonal=True)
    )
    assert '"x":[0.0,1.0]' in chart
    assert "M900.0 200.0" in chart


def many_classes(count: int) -> ReportData:
    """Ten clips a class: class 10 n is called 10 n + 1 in all but one, every other class once the next."""
    labels = [f"class {i:03}" for i in range(count)]
    confusion = [[0] * count for _ in labels]
    for i, row in enumerate(confusion):
        wrong = 9 if i % 10 == 0 else 1
        row[i], row[(i + 1) % count] = 10 - wrong, wrong
    strip = FilmStrip(b"", (0.0,), 100, 100)
    samples = [
        Sample(f"{i}.mp4", labels[i], ((labels[i + 1], 0.9),), strip if i < 12 else None) for i in range(500)
    ]
    counts = {label: {"train": 20, "test": 10} for label in labels}
    dataset = DatasetFacts("videos", "folder", "official", counts)
    return ReportData("Many", metrics=metrics(labels, confusion), samples=tuple(samples), dataset=dataset)


def test_a_thousand_classes_are_a_page_that_can_be_read():
    run = many_classes(1000)
    text = render_report(run)
    page, (facts,) = Page(text), Page(text).json("confusion-data")
    # The matrix has the classes that are mixed up most, with their own numbers and all of their clips.
    table = re.search(r'<table class="matrix.*?</table>', text, re.S).group()
    cells = [re.findall(r"<td[^>]*>(\d*)</td>", row) for row in table.split("<tbody>")[1].split("</tr>")[:-1]]
    assert {len(row) for row in cells} == {len(cells)} == {len(facts["classes"])}
    assert len(cells) <= 50
    assert facts["labels"] == [run.labels[i] for i in facts["classes"]]
    assert {i % 10 for i in facts["classes"]} == {0, 1}
    assert set(facts["totals"]) == {10}
    wanted = [[run.metrics["confusion"][i][j] for j in facts["classes"]] for i in facts["classes"]]
    assert [[int(cell or 0) for cell in row] for row in cells] == wanted
    assert "1 000 classes" in page.text
    assert "9 of 10 class 000 called class 001" in page.text
    # The worst classes first, all of them in a fold; of 1,800 wrong answers 500 are named.
    assert page.text.index("The 20 worst of 1 000 classes") < page.text.index("All classes")
    assert sum(attrs.get("data-recall") is not None for _, attrs in page.tags) == 1020
    assert "1 300 more are in predictions.csv" in page.text
    assert len(text) < 2_000_000
