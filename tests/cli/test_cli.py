"""The program as it is called: exit codes, one line of error on stderr, JSON that parses, odd names."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from kinema.recipe import recipe_names
from support.called import Call, Called

VERBS = ["demo", "scan", "recipes", "extract", "train", "evaluate", "predict", "flow", "embed", "search"]
VERBS += ["doctor", "anomaly fit", "anomaly score"]


@pytest.fixture
def videos(tiny_videos: Path, tmp_path: Path) -> Path:
    """A copy of the tiny set as class folders, without its list: free to be changed."""
    for folder in tiny_videos.parent.iterdir():
        if folder.is_dir():
            shutil.copytree(folder, tmp_path / "videos" / folder.name)
    return tmp_path / "videos"


# --- what is wrong with a call -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["recipes", "nonsense"], "unknown recipe 'nonsense'; choose one of"),
        (["recipes", "lite", "--set", "temporal.unit=5"], "unknown key 'temporal.unit'; allowed here: "),
        (["recipes", "lite", "--set", "temporal.units=none"], "temporal.units"),
        (["recipes", "gone.yaml"], "cannot read recipe file gone.yaml"),
        (["train", "absent", "--out", "run"], "absent"),
        (["scan", "absent"], "absent"),
        (["predict", "absent", "absent.mp4"], "absent.mp4"),
    ],
)
def test_wrong_call(
    arguments: list[str], says: str, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    called = call(*arguments)
    assert called.code == 2
    assert says in called.error


def train(call: Call, data: Path, out: Path, *more: str | Path) -> Called:
    """A training of the smallest recogniser for one epoch."""
    small = ("training.backbone.epochs=1", "training.epochs=1", "temporal.units=4")
    settings = [part for setting in small for part in ("--set", setting)]
    store = ("--features", out.parent / "features", "--workers", "1", "--device", "cpu")
    return call("train", data, "--out", out, "--recipe", "tiny", *settings, *store, *more)


def test_one_class_only(call: Call, videos: Path, tmp_path: Path) -> None:
    for folder in sorted(videos.iterdir())[1:]:
        shutil.rmtree(folder)
    called = train(call, videos, tmp_path / "run")
    assert called.code == 2
    assert "class" in called.error


def test_no_usable_videos(call: Call, videos: Path, tmp_path: Path) -> None:
    for file in videos.rglob("*.mp4"):
        file.write_text(f"no video {file}")
    called = train(call, videos, tmp_path / "run")
    assert called.code == 1
    assert "kinema scan" in called.error


def test_out_folder_that_cannot_be_written(call: Call, videos: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    called = train(call, videos, tmp_path / "file" / "run", "--features", tmp_path / "features")
    assert called.code == 2
    assert called.error.endswith("choose another folder with --out")


def table(path: Path, rows: list[tuple[str, str, str, str]]) -> Path:
    lines = ["file_name,label,group,split", *(",".join(row) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_class_with_a_single_group(call: Call, videos: Path, tmp_path: Path) -> None:
    """It cannot be in training and in test at once."""
    files = sorted(videos.rglob("*.mp4"))
    rows = [
        (str(f), f.parent.name, "g0" if f.parent.name == "waving" else f"g{i}", "")
        for i, f in enumerate(files)
    ]
    called = train(call, table(tmp_path / "list.csv", rows), tmp_path / "run")
    assert called.code == 2
    assert "waving" in called.error


def test_class_that_only_the_test_split_has(call: Call, videos: Path, tmp_path: Path) -> None:
    files = sorted(videos.rglob("*.mp4"))
    rows = [
        (str(f), f.parent.name, "", "test" if f.parent.name == "waving" or i % 4 == 0 else "train")
        for i, f in enumerate(files)
    ]
    called = train(call, table(tmp_path / "list.csv", rows), tmp_path / "run")
    assert called.code == 2
    assert "waving" in called.error


# --- runs ----------------------------------------------------------------------------------------


def test_run_of_a_newer_version(call: Call, tiny_run: Path, tiny_videos: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_run, tmp_path / "run")
    file = tmp_path / "run" / "config.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text(encoding="utf-8")) | {"kinema_run": 99}))
    video = next(tiny_videos.parent.rglob("*.mp4"))
    for arguments in (["predict", tmp_path / "run", video], ["evaluate", tmp_path / "run", tiny_videos]):
        called = call(*arguments)
        assert called.code == 2
        assert "newer Kinema" in called.error


def test_unknown_class_in_evaluation(call: Call, tiny_run: Path, videos: Path) -> None:
    (videos / "waving").rename(videos / "juggling")
    called = call("evaluate", tiny_run, videos, "--features", tiny_run.parent / "features")
    assert called.code == 2
    assert "'juggling'" in called.error


def test_evaluate(call: Call, tiny_run: Path, tiny_videos: Path) -> None:
    called = call("evaluate", tiny_run, tiny_videos, "--features", tiny_run.parent / "features", "--json")
    assert called.code == 0
    saved = json.loads((tiny_run / "metrics.json").read_text(encoding="utf-8"))
    for key in ("accuracy", "n_test", "confusion"):
        assert called.json[key] == saved[key]


def test_unreadable_file_does_not_stop_the_others(
    call: Call, tiny_run: Path, tiny_videos: Path, tmp_path: Path
) -> None:
    (tmp_path / "a [text] file with a long name, so that a narrow terminal would break.mp4").write_text(
        "text"
    )
    text, video = next(tmp_path.glob("*.mp4")), next(tiny_videos.parent.rglob("*.mp4"))
    called = call("predict", tiny_run, text, video, "--json")
    assert called.code == 1
    assert "1 of 2 files" in called.error
    assert len([line for line in called.err.splitlines() if line.startswith("!")]) == 1
    assert f"! {text}: " in called.err
    assert called.json[0]["video"] == str(text)
    assert "error" in called.json[0]
    assert {"label", "score"} == set(called.json[1]["top"][0])


def test_timeline(call: Call, tiny_run: Path, tiny_videos: Path) -> None:
    video = next(tiny_videos.parent.rglob("*.mp4"))
    arguments = ("predict", tiny_run, video, "--timeline", "--windows", "--window", "0.5")
    arguments = (*arguments, "--stride", "0.5")
    windows = call(*arguments, "--json").json[0]["timeline"]
    starts = [w["start"] for w in windows]
    assert starts == sorted(starts)
    assert all(w["end"] == w["start"] + 0.5 for w in windows)
    text = call(*arguments)
    assert text.code == 0
    assert text.out.count(" s   ") == len(windows)


NAMES = {"strike_bell": "strike bell's “ding”", "strike_drum": "удар\nдвойной", "waving": '挥手 "手" [b]'}


def test_odd_names_train_and_predict(call: Call, videos: Path, tmp_path: Path) -> None:
    """Spaces, quotes, newlines, brackets, letters of other scripts, in folders and files."""
    for i, (plain, odd) in enumerate(NAMES.items()):
        folder = (videos / plain).rename(videos / odd)
        for j, file in enumerate(sorted(folder.iterdir())):
            file.rename(folder / f"clip\n{i} «{j}» 'it''s', 100%.mp4")
    out = tmp_path / "мой run [1]"
    called = train(call, videos, out, "--json")
    assert called.code == 0, called.err
    assert called.json["run"] == str(out)
    assert {row["label"] for row in called.json["per_class"]} == set(NAMES.values())
    video = next(videos.rglob("*.mp4"))
    found = call("predict", out, video, "--json").json
    assert found[0]["video"] == str(video)
    assert found[0]["label"] in NAMES.values()
    assert call("predict", out, video).code == 0


# --- the other verbs -----------------------------------------------------------------------------


@pytest.mark.parametrize("verb", VERBS)
def test_help_shows_an_example(verb: str, call: Call) -> None:
    called = call(*verb.split(), "--help")
    assert called.code == 0
    assert f"Example: kinema {verb}" in " ".join(called.out.replace("│", " ").split())


def test_error_is_all_that_stderr_holds(call: Call, tmp_path: Path) -> None:
    called = call("scan", tmp_path / "absent")
    assert called.err == called.error + "\n"


def test_recipes(call: Call) -> None:
    assert {row["name"] for row in call("recipes", "--json").json} == set(recipe_names())
    shown = call("recipes")
    assert shown.code == 0
    assert all(name in shown.out for name in recipe_names())
    one = call("recipes", "lite", "--json").json
    assert one["name"] == "lite"
    assert one["trainable_parameters"] > 0


def test_shown_recipe_is_a_recipe_file(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(call("recipes", "lite").out, encoding="utf-8")
    assert call("recipes", file, "--json").json == call("recipes", "lite", "--json").json


def test_doctor(call: Call) -> None:
    called = call("doctor", "--json")
    assert called.code == 0
    assert {"name", "state", "detail"} == set(called.json[0])
    assert {row["state"] for row in called.json} <= {"ok", "optional"}
    assert "torch" in call("doctor").out


def test_interruption_says_that_work_is_kept(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("kinema.workflows.doctor.diagnose", interrupt)
    # Threads of other tests may still live, and would have it end this process, without waiting for them.
    monkeypatch.setattr("os._exit", sys.exit)
    called = call("doctor")
    assert called.code == 130
    assert "start again" in " ".join(called.err.split())


def test_full_disk(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "/a/file")

    monkeypatch.setattr("kinema.workflows.doctor.diagnose", full)
    called = call("doctor")
    assert called.code == 1
    assert "No space left on device (/a/file)" in called.error
