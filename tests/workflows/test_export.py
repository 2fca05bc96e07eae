"""`kinema export`: whole folders, what a program without Kinema makes of them, and what is refused."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from kinema.cli.app import app
from kinema.errors import UsageError, WorkError
from kinema.extraction.inline import messages_of
from kinema.inference.load import load
from kinema.media.video import VideoFile
from kinema.portable import call
from kinema.resources import Resources
from kinema.streams import Task
from kinema.types import Clip
from kinema.workflows import export
from kinema.workflows.export import export_run

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

PAGE = Path(__file__).resolve().parents[2] / "docs" / "export.md"
# Stands ahead of the page's program: whatever of these it imports is an error.
ALONE = "import sys\nfor name in ('kinema', 'torch', 'openvino', 'onnx'): sys.modules[name] = None\n"


@pytest.fixture(scope="module")
def exported(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "onnx"
    arguments = ["export", str(tiny_run), "--out", str(folder), "--json", "--weights", "none"]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert sorted(facts["files"]) == sorted(path.name for path in folder.iterdir())
    assert {f"{part}.onnx" for part in ("backbone-rgb-0", "backbone-audio-0", "recognizer", "step")} < set(
        facts["files"]
    )
    return folder


def test_the_pages_program_predicts_as_kinema_does(
    exported: Path, tiny_run: Path, tiny_videos: Path, tmp_path: Path
) -> None:
    program = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert program
    script = tmp_path / "recognise.py"
    script.write_text(ALONE + program[1], encoding="utf-8")
    run = load(tiny_run, Resources(device="cpu", weights="none"))
    video = next(tiny_videos.parent.rglob("*.mp4"))
    arguments = []
    for name, stream in run.streams.items():
        clips = messages_of(stream.spec, VideoFile(video), Task(), stream.tools)
        steps = np.stack([clip.inputs[0] for clip in clips if isinstance(clip, Clip)])
        np.save(tmp_path / f"{name}.npy", steps)
        arguments.append(f"{name}={tmp_path / name}.npy")
    called = subprocess.run(
        [sys.executable, str(script), str(exported), *arguments], check=True, capture_output=True, text=True
    )
    found = {label: float(score) for score, label in map(str.split, called.stdout.splitlines())}
    prediction = run.predict(video)
    assert next(iter(found)) == prediction.label
    assert found == pytest.approx(dict(prediction.top(3)), abs=1e-4)


def test_every_file_says_what_it_is(exported: Path, tiny_run: Path) -> None:
    beside = json.loads((exported / "export.json").read_text(encoding="utf-8"))
    assert beside["labels"] == ["strike_bell", "strike_drum", "waving"]
    rgb = beside["streams"]["rgb"]
    sampling = {"kind": "windows", "length": 3, "stride": 5}
    assert sampling.items() <= rgb["settings"]["sampling"].items()
    view = rgb["backbones"][0]["view"]
    assert (view["kind"], view["size"], view["crop"]) == ("clip", [80, 80], "stretch")
    (frames,) = beside["parts"]["backbone-rgb-0"]["inputs"]
    assert frames == {"name": "input", "type": "uint8", "shape": ["batch", 3, 80, 80, 3]}
    assert beside["model_sha256"] in (tiny_run / "config.yaml").read_text(encoding="utf-8")
    for file in exported.glob("*.onnx"):
        (entry,) = onnx.load(file).metadata_props
        inside = json.loads(entry.value)
        assert (entry.key, inside["part"]) == ("kinema_export", file.stem)
        assert {key: inside[key] for key in ("labels", "streams", "parts")} == {
            key: beside[key] for key in ("labels", "streams", "parts")
        }


def test_nothing_is_replaced_unasked_and_nothing_but_an_export(
    exported: Path, tiny_run: Path, tmp_path: Path
) -> None:
    resources = Resources(weights="none")
    with pytest.raises(UsageError, match="is there already; choose another --out, or replace it with --over"):
        export_run(tiny_run, exported, resources=resources)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    with pytest.raises(UsageError, match="is no export of a run, and is not replaced"):
        export_run(tiny_run, tmp_path / "mine", overwrite=True, resources=resources)
    copy = shutil.copytree(exported, tmp_path / "copy")
    export_run(tiny_run, copy, format="torch", overwrite=True, resources=resources)
    names = {"backbone-rgb-0.pt", "backbone-audio-0.pt", "recognizer.pt", "step.pt", "export.json"}
    assert {path.name for path in copy.iterdir()} == names
    assert {path.name for path in tmp_path.iterdir()} == {"mine", "copy"}


def test_a_failure_leaves_nothing_and_keeps_what_was_there(
    exported: Path, tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(part, folder, *_):
        if part.name == "recognizer":
            raise WorkError("no")
        (folder / "half").touch()
        return []

    monkeypatch.setattr(export, "write_part", fails)
    copy = shutil.copytree(exported, tmp_path / "copy")
    before = sorted(path.name for path in copy.iterdir())
    for out in (copy, tmp_path / "new" / "folder"):
        with pytest.raises(WorkError):
            export_run(tiny_run, out, overwrite=True, resources=Resources(weights="none"))
    assert sorted(path.name for path in copy.iterdir()) == before
    assert {path.name for path in tmp_path.rglob("*") if path.parent.name != "copy"} <= {"copy", "new"}


def test_wrong_calls_are_one_line(tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    with pytest.raises(UsageError, match=r"unknown format 'onx'; did you mean 'onnx'\? choose one of"):
        export_run(tiny_run, out, format="onx")
    with pytest.raises(UsageError, match="is not a run folder"):
        export_run(tmp_path, out, format="torch")
    monkeypatch.setattr(call, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="needs onnx and onnxruntime; pip install onnx onnxruntime"):
        export_run(tiny_run, out)
    assert not out.exists()
