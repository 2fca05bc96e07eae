"""The model card: front matter that parses, names that stay names."""

from __future__ import annotations

import yaml

from kinema.report.data import Cost, DatasetFacts, ReportData, WeightsSource
from kinema.report.model_card import model_card

PER_CLASS = [{"label": label, "recall": 0.9, "support": 10} for label in ("walk", "sit | `down`\n# up")]
METRICS = {
    "accuracy": 0.9658,
    "top3": 1.0,
    "ci95": [0.91, 0.99],
    "majority_baseline": 0.188,
    "n_test": 117,
    "split": "test",
    "per_class": PER_CLASS,
}


def front_matter(card: str) -> dict:
    _, head, _ = card.split("---\n", 2)
    return yaml.safe_load(head)


def test_front_matter():
    facts = DatasetFacts("clips", "folder", "by group", {"walk": {"train": 3, "test": 1}})
    head = front_matter(model_card(ReportData("T: x", recipe="lite", metrics=METRICS, dataset=facts)))
    assert head["library_name"] == "kinema"
    assert head["pipeline_tag"] == "video-classification"
    (entry,) = head["model-index"]
    assert entry["name"] == "T: x"
    assert {"type": "accuracy", "value": 0.9658} in entry["results"][0]["metrics"]
    assert entry["results"][0]["dataset"]["name"] == "clips"


def test_a_closed_form_has_no_epochs():
    row = {"stage": "temporal", "epoch": 1, "train_loss": 0.5}
    assert "- 1 epoch of training." in model_card(ReportData("T", metrics=METRICS, history=[row]))
    solved = model_card(ReportData("T", metrics=METRICS, history=[row | {"strength": 0.1}]))
    assert "- Fitted in closed form, without epochs." in solved
    assert "of training." not in solved


def test_says_what_it_is_and_how_sure():
    facts = DatasetFacts(
        "clips", "folder", "by group", {"walk": {"train": 30, "test": 10}}, quarantined=[("a", "b")]
    )
    cost = Cost(weights=(WeightsSource("vgg16", "random, seed 0", True),))
    data = ReportData(
        "T", run="runs/a b", metrics=METRICS, dataset=facts, cost=cost, warnings=("Made here.",)
    )
    card = model_card(data)
    for text in (
        "| accuracy | 96.6 % |",
        "91.0 % to 99.0 %",
        "18.8 %",
        "117 clips",
        "by group",
        "30 train, 10 test",
        "kinema predict 'runs/a b' video.mp4",
        "kinema.load('runs/a b')",
        "one of its 2 classes",
        "- Made here.",
        "**Random weights:** the backbone `vgg16`",
        "Quarantined as unreadable: 1",
    ):
        assert text in card, text


def test_names_cannot_leave_their_place():
    card = model_card(ReportData("---\nevil: true <b>", metrics=METRICS, summary="[x](javascript:y)\n# no"))
    assert "evil" not in front_matter(card)
    assert [line for line in card.splitlines() if line.startswith("# ")] == ["# ---␊evil: true \\<b\\>"]
    assert "`` sit | `down`␊# up ``" in card
    assert "\\[x\\](javascript:y)␊\\# no" in card


def test_without_results():
    text = model_card(ReportData("Bare"))
    assert "not been evaluated" in text
    assert "model-index" not in front_matter(text)
