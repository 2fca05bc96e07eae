"""What the recipes say of their papers: attribution, BibTeX, and every decision that is ours."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kinema.cli.app import app
from kinema.errors import UsageError
from kinema.model.build import count_parameters
from kinema.recipe import Recipe, bibtex, changed, derived_count, load_recipe, paper_count
from kinema.recipe.schema import Paper

PUBLISHED = ["corehar", "dual-cnn-gru", "i3d-gru", "three-stream", "vgg16-lstm"]
ENTRY = re.compile(r"\s*(\w+)\s*= \{(.*)\},")


def plain(text: str) -> str:
    """Letters and digits alone, so that line breaks and markup of a copy do not count."""
    return re.sub(r"[^\w]", "", text.lower())


def copy_of(name: str, folder: Path) -> str:
    path = folder / "papers" / f"{name}.txt"
    if not path.is_file():
        pytest.skip(f"no copy of the paper at {path}")
    return path.read_text(encoding="utf-8")


@pytest.fixture(params=PUBLISHED)
def recipe(request) -> Recipe:
    return load_recipe(request.param)


@pytest.fixture
def text(recipe, shared_data) -> str:
    return plain(copy_of(recipe.name, shared_data))


def test_what_is_said_of_a_paper_is_in_its_text(recipe, text):
    paper = recipe.paper
    said = [paper.opening, paper.doi, paper.url]
    if recipe.name != "i3d-gru":  # its copy has the DOI alone
        said += [paper.title, paper.year, *(" ".join(reversed(a.split(", "))) for a in paper.authors)]
        assert (paper.venue, paper.volume, paper.pages) == (None, None, None)
    for words in filter(None, said):
        assert plain(str(words)) in text, words


def test_i3d_grus_title_is_that_of_its_doi():
    """As the journal's own BibTeX export has it."""
    paper = load_recipe("i3d-gru").paper
    assert paper.doi == "10.5829/ije.2020.33.05b.29"
    assert paper.title == (
        "A Hybrid Deep Learning Architecture Using 3D CNNs and GRUs for Human Action Recognition"
    )
    assert (paper.year, paper.volume, paper.number, paper.pages) == (2020, "33", "5", "959-965")


def test_counts_are_printed_in_the_paper(recipe, shared_data):
    text = copy_of(recipe.name, shared_data)
    for count in recipe.paper.counts:
        assert f"{count.trainable_parameters:,}".replace(",", ".") in text


def test_a_count_is_called_the_papers_only_where_it_prints_one(recipe):
    shown = CliRunner().invoke(app, ["recipes", recipe.name]).output
    assert ("# the paper's count" in shown) == bool(recipe.paper.counts)
    assert ("# our derivation" in shown) == bool(recipe.paper.derived)


def test_derived_counts_are_met_and_printed_nowhere_in_the_paper(recipe, shared_data):
    text = copy_of(recipe.name, shared_data)
    assert bool(recipe.paper.derived) == (recipe.name == "vgg16-lstm")
    for count in recipe.paper.derived:
        own = changed(recipe, count.set)
        assert derived_count(own) == count_parameters(own) == count.trainable_parameters
        assert paper_count(own) is None
        assert not any(f"{count.trainable_parameters:,}".replace(",", mark) in text for mark in ",. ")


def test_every_result_is_printed_in_the_paper_at_the_place_that_is_named(recipe, shared_data):
    text = copy_of(recipe.name, shared_data)
    flat = plain(text)
    for result in recipe.paper.results:
        assert plain(result.where.removeprefix("section ")) in flat, result.where
        for row, value in result.values.items():
            written = {f"{value:g}", f"{value:.1f}", f"{value:.2f}", f"{value:,.0f}".replace(",", ".")}
            assert any(re.search(rf"(?<![\d.]){re.escape(w)}(?!\d)", text) for w in written), (row, value)


def test_a_result_is_given_once(recipe):
    for one, other in itertools.combinations(recipe.paper.results, 2):
        same = (one.where, one.data, one.part, one.measure) == (
            other.where,
            other.data,
            other.part,
            other.measure,
        )
        assert not same or not one.values.keys() & other.values.keys()


def test_cite_prints_one_entry(recipe):
    result = CliRunner().invoke(app, ["recipes", recipe.name, "--cite"])
    assert result.exit_code == 0, result.output
    first, *fields, last = result.output.splitlines()
    assert first in (f"@article{{{recipe.name},", f"@misc{{{recipe.name},")
    assert last == "}"
    found = dict(ENTRY.fullmatch(field).groups() for field in fields)
    assert result.output.count("{") == result.output.count("}")
    paper = recipe.paper
    assert found.get("title", "").strip("{}") == (paper.title or "")
    assert tuple(filter(None, found.get("author", "").split(" and "))) == paper.authors
    assert (found.get("year"), found.get("doi")) == (paper.year and str(paper.year), paper.doi)
    assert bool(paper.opening) == ("note" in found)
    assert paper.opening in found.get("note", "")


def test_cite_where_there_is_nothing_to_cite():
    for arguments in (["recipes", "lite", "--cite"], ["recipes", "--cite"]):
        result = CliRunner().invoke(app, arguments)
        assert isinstance(result.exception, UsageError)
        assert "cite" in str(result.exception)
    assert bibtex(load_recipe("tiny")) is None


def test_special_characters_are_escaped():
    entry = bibtex(changed(load_recipe("lite"), {"paper": {"title": "A & B: 50% of C_D"}}))
    assert r"{{A \& B: 50\% of C\_D}}" in entry


def test_a_paper_is_known_by_something():
    with pytest.raises(ValueError, match="title"):
        Paper(year=2020)
    assert "whose abstract begins: Recently," in load_recipe("dual-cnn-gru").paper.shown


# Recipe and what its note must say; each decision stands in exactly one note.
DECISIONS = [
    ("three-stream", r"momentum is 0\.9"),
    ("three-stream", r"reset gate acts after"),
    ("three-stream", r"12 stretches"),
    ("three-stream", r"200 epochs"),
    ("three-stream", r"keep: best"),
    ("three-stream", r"Dropout in the motion CNN is 0\.5"),
    ("three-stream", r"clipped at 20 pixels.*mean is not subtracted"),
    ("three-stream", r"4 stacks.*20 epochs"),
    ("three-stream", r"C = 1 / \(0\.02 n\)"),
    ("three-stream", r"Attention.*not its form"),
    ("i3d-gru", r"plain mean of I3D's last map"),
    ("i3d-gru", r"RGB frames are cut.*while flow"),
    ("i3d-gru", r"weight decay 0\.01.*training\.decay=l2.*training\.decay=keras_decay"),
    ("i3d-gru", r"84\.59 on split 1.*Table 2.*Tables 1, 4 and 5"),
    ("vgg16-lstm", r"VGG16's values are torchvision's"),
    ("vgg16-lstm", r"599 videos.*2391 sequences"),
    ("dual-cnn-gru", r"GoogLeNet is torchvision's, with batch norm"),
    ("dual-cnn-gru", r"every frame"),
    ("corehar", r"Rotation goes one way.*-5 to 5"),
    ("corehar", r"one version a transformation"),
    ("corehar", r"batches of 40"),
]


@pytest.mark.parametrize(("name", "says"), DECISIONS)
def test_every_decision_of_ours_is_in_one_note(name, says):
    assert [bool(re.search(says, note)) for note in load_recipe(name).notes].count(True) == 1


def test_the_values_that_notes_speak_of_are_the_recipes():
    three = load_recipe("three-stream")
    assert (three.training.momentum, three.training.epochs, three.training.keep) == (0.9, 200, "best")
    assert (three.temporal.reset, three.streams["rgb"].sampling.stretches) == ("after", 12)
    assert (three.training.backbone.clips_per_video, three.training.backbone.epochs) == (4, 20)
    assert (three.streams["flow"].clip_px, three.fusion.svm_l2) == (20, 1e-2)
    i3d = load_recipe("i3d-gru")
    assert (i3d.training.weight_decay, i3d.training.decay) == (1e-2, "coupled")


def test_overrides_in_notes_work(recipe):
    assert "--set" in " ".join(recipe.notes)
    for note in recipe.notes:
        overrides = [o.replace("'", "") for o in re.findall(r"--set ((?:'[^']*'|[^\s',;])+)", note)]
        load_recipe(recipe, [override.rstrip(".:") for override in overrides])
