"""What a report says of a run: fusion, memory, and the tags of single frames."""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch

from kinema.backbones.choice import Choice
from kinema.datasets import Dataset
from kinema.extraction.extracted import Extracted
from kinema.features.store import FeatureStore
from kinema.recipe import load_recipe
from kinema.resources import Resources
from kinema.workflows.memory import peak_memory
from kinema.workflows.report_sections import fusion_section
from kinema.workflows.spent import Spent
from kinema.workflows.train import train
from kinema.workflows.write_report import cost_of, dataset_facts


def two_streams(alpha: object) -> dict:
    rgb = {"input": "rgb", "sampling": {"kind": "uniform", "frames": 2}, "backbone": "mobilenet_v2"}
    fusion = {"kind": "weighted_average", "alpha": alpha}
    return {
        "name": "two",
        "streams": {"rgb": rgb, "audio": {"input": "audio", "backbone": "yamnet"}},
        "temporal": {"units": 4},
        "fusion": fusion,
        "training": {"epochs": 1},
    }


@pytest.mark.parametrize(
    ("alpha", "said", "unsaid"),
    [("learned", "alpha was learned and started at 0.5", "fixed"), (0.3, "alpha is fixed at 0.3", "learned")],
)
def test_fusion_is_reported_as_learned_or_as_fixed(alpha: object, said: str, unsaid: str) -> None:
    recipe = load_recipe(two_streams(alpha))
    section = fusion_section(recipe, 0.3)
    assert said in section.intro
    assert unsaid not in section.intro
    assert section.figures[0].rows == list(zip(recipe.streams, (0.3, 0.7), strict=True))


@pytest.mark.filterwarnings("error:.*requires_grad.*")
@pytest.mark.parametrize(
    ("alpha", "said"), [("learned", "alpha was learned"), (0.3, "alpha is fixed at 0.3")]
)
def test_the_report_of_a_run_names_its_alpha(
    alpha: object, said: str, tiny_videos: Path, tmp_path: Path
) -> None:
    resources = Resources(weights="none", features=tiny_videos.parent.parent / "features", workers=1)
    run = train(tiny_videos, recipe=two_streams(alpha), out=tmp_path / "run", resources=resources).run
    page = (run / "report.html").read_text(encoding="utf-8")
    assert said in page


def test_strips_of_a_recipe_that_scores_steps_carry_the_tag_of_each_frame(
    tiny_videos: Path, tmp_path: Path
) -> None:
    recipe = two_streams("learned")
    del recipe["streams"]["audio"], recipe["fusion"]
    recipe["temporal"]["pool"] = "none"
    recipe["classifier"] = {"per_step": True, "vote": "majority"}
    resources = Resources(weights="none", features=tiny_videos.parent.parent / "features", workers=1)
    result = train(tiny_videos, recipe=recipe, out=tmp_path / "run", resources=resources)
    page = (result.run / "report.html").read_text(encoding="utf-8")
    cards = re.findall(r'<li class="clip .*?</ol></div>', page, re.S)
    assert len(cards) == result.metrics["n_test"]
    for card in cards:
        tags = re.findall(r'<b class="tag"><bdi>(\w+)</bdi></b>', card)
        winner = re.search(r'<ol class="scores"><li[^>]*><span class="label"><bdi>(\w+)', card)[1]
        assert len(tags) == 2  # the recipe's frames
        assert winner in tags  # a video's tag is a majority of its frames'


@pytest.mark.parametrize(
    ("used", "said"), [("cpu", platform.machine()), ("cuda:1", "cuda:1")], ids=["cpu", "cuda:1"]
)
def test_the_device_is_the_one_that_was_used(
    used: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine with a GPU, too."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    choice = Choice(used, "fp32", "torch", asked=True, why="asked for")
    stream = SimpleNamespace(
        choice=choice,
        computed=(["torch"], 0),
        backbones=(),
        spec=SimpleNamespace(copies=0),
        shelf=lambda *_: None,
    )
    extracted = Extracted([], {}, FeatureStore(tmp_path), {"rgb": stream}, {})
    dataset = SimpleNamespace(records=(), labels=())
    facts = SimpleNamespace(spent=Spent(), extracted=extracted, dataset=dataset, model=torch.nn.Linear(1, 1))
    assert cost_of(facts).device == said


def test_listed_files_that_are_absent_are_reported(tmp_path: Path) -> None:
    dataset = Dataset("csv", tmp_path / "list.csv", (), (), absent=("gone.mp4",))
    extracted = SimpleNamespace(quarantined={}, digests={})
    facts = dataset_facts(SimpleNamespace(dataset=dataset, extracted=extracted))
    assert facts.absent == ("gone.mp4",)


def test_peak_memory_remembers_what_was_freed() -> None:
    code = (
        "from kinema.workflows.memory import peak_memory; import json, psutil\n"
        "before = peak_memory(); big = bytearray(b'1') * 300_000_000; del big\n"
        "print(json.dumps([before, peak_memory(), psutil.Process().memory_info().rss]))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    before, peak, now = json.loads(done.stdout)
    assert peak >= now
    assert peak - before >= 200_000_000


def test_peak_memory_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    info = SimpleNamespace(rss=1, peak_wset=123)
    monkeypatch.setattr(psutil, "Process", lambda: SimpleNamespace(memory_info=lambda: info))
    monkeypatch.setitem(sys.modules, "resource", None)  # importing it fails
    assert peak_memory() == 123
