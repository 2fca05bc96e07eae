"""What a verb loads before its first answer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"torch", "numpy", "av", "PIL", "numba", "scipy", "sklearn", "timm", "torchvision", "lightning"}
NOT_FOR_PREDICTION = HEAVY - {"torch", "numpy", "av", "PIL"}


def loaded_by(code: str, *words: str | Path) -> set[str]:
    """The packages that are loaded after `code`, where the command line is `kinema WORDS`."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules, file=sys.stderr)", *map(str, words)],
        check=True,
        capture_output=True,
        text=True,
    )
    return set(done.stderr.split())


MAIN = "from kinema.cli.app import main\ntry: main()\nexcept SystemExit as ended: assert not ended.code"


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["train", "--help"]], ids=" ".join)
def test_help_loads_the_command_line_alone(words: list[str]):
    assert not loaded_by(MAIN, *words) & (HEAVY | {"kinema.recipe"})


def test_the_list_of_recipes_is_read_without_their_schema():
    assert not loaded_by(MAIN, "recipes") & (HEAVY | {"kinema.recipe"})


def test_prediction_loads_no_library_that_only_trains(tiny_run: Path, tiny_videos: Path):
    clip = next(tiny_videos.parent.rglob("*.mp4"))
    loaded = loaded_by(MAIN, "predict", tiny_run, clip)
    assert "torch" in loaded
    assert not loaded & NOT_FOR_PREDICTION


def test_the_backbone_of_lite_needs_torch_alone():
    code = "from kinema.backbones.load import load_backbone\nload_backbone('mobilenet_v2', weights='none')"
    loaded = loaded_by(code)
    assert "torch" in loaded
    # torch's compiler comes with torchvision.
    assert not loaded & (NOT_FOR_PREDICTION | {"torch._dynamo"})
