"""`evaluate` knows what a run was trained on, whatever the files are called now."""

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from kinema.errors import UsageError
from kinema.resources import Resources
from kinema.types import VideoRecord
from kinema.workflows.evaluate import evaluate
from kinema.workflows.seen import Seen, write_seen
from support.events import Told


@pytest.fixture
def resources(tiny_run: Path) -> Resources:
    return Resources(features=tiny_run.parent / "features", workers=1, device="cpu")


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def renamed(videos: Path, out: Path) -> Path:
    """All the videos in class folders, under other names and in no split."""
    for number, path in enumerate(sorted(videos.parent.glob("*/*.mp4"))):
        target = out / path.parent.name / f"clip {number}.mp4"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return out


def test_the_run_remembers_its_videos_and_answers(tiny_run: Path, tiny_videos: Path) -> None:
    seen = rows(tiny_run / "training_videos.csv")
    assert list(seen[0]) == ["name", "part", "label", "split", "group", "content"]
    answers = rows(tiny_run / "predictions.csv")
    fields = ["name", "part", "label", "split", "group", "predicted", "score"]
    assert list(answers[0]) == [*fields, "strike_bell", "strike_drum", "waving"]
    assert len(seen) + len(answers) == 12
    assert {r["split"] for r in seen} == {"train"}
    metrics = json.loads((tiny_run / "metrics.json").read_text(encoding="utf-8"))
    assert sum(r["label"] == r["predicted"] for r in answers) / len(answers) == metrics["accuracy"]
    for row in answers:
        classes = {label: float(row[label]) for label in list(row)[len(fields) :]}
        assert max(classes, key=lambda label: classes[label]) == row["predicted"]
        assert float(row["score"]) == max(classes.values())


def test_videos_that_were_trained_on_are_set_apart(
    tiny_run: Path, tiny_videos: Path, resources: Resources, tmp_path: Path
) -> None:
    log = Told()
    data = renamed(tiny_videos, tmp_path / "other names")
    found = evaluate(tiny_run, data, out=tmp_path / "out", resources=resources, events=log)
    trained = json.loads((tiny_run / "metrics.json").read_text(encoding="utf-8"))
    assert found["n_trained_on"] == 12 - trained["n_test"] > 0
    assert found["n_test"] == trained["n_test"]
    assert found["accuracy"] == trained["accuracy"]
    assert f"{found['n_trained_on']} of 12 videos were trained on" in log.warnings[0]
    assert json.loads((tmp_path / "out" / "metrics.json").read_text(encoding="utf-8")) == found
    assert len(rows(tmp_path / "out" / "predictions.csv")) == found["n_test"]
    report = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert f"{found['n_trained_on']} of 12 videos were trained on" in report


def test_nothing_left_to_test(
    tiny_run: Path, tiny_videos: Path, resources: Resources, tmp_path: Path
) -> None:
    data = renamed(tiny_videos, tmp_path / "data")
    trained = {r["name"] for r in rows(tiny_run / "training_videos.csv")}
    kept = {(tiny_videos.parent / name).read_bytes() for name in trained}
    for path in data.rglob("*.mp4"):
        if path.read_bytes() not in kept:
            path.unlink()
    with pytest.raises(UsageError, match=r"was trained on all .* videos; give videos"):
        evaluate(tiny_run, data, resources=resources)


def test_a_run_that_does_not_say_is_told_of(
    tiny_run: Path, tiny_videos: Path, resources: Resources, tmp_path: Path
) -> None:
    run = shutil.copytree(tiny_run, tmp_path / "run")
    (run / "training_videos.csv").unlink()
    log = Told()
    evaluate(run, tiny_videos, resources=resources, events=log)
    assert "does not say what it was trained on" in log.warnings[0]


def test_parts_that_overlap_were_seen(tmp_path: Path) -> None:
    whole = VideoRecord(Path("a.mp4"), "x", split="train", content="1")
    seconds = VideoRecord(Path("b.mp4"), "x", split="val", content="2", start_seconds=2.5, end_seconds=4)
    frames = VideoRecord(Path("c.mp4"), "x", split="train", content="3", frames=(10, 20))
    open_end = VideoRecord(Path("d.mp4"), "x", split="train", content="4", start_seconds=1e-4)
    tested = VideoRecord(Path("e.mp4"), "x", split="test", content="5")
    write_seen(tmp_path, [whole, seconds, frames, open_end, tested])
    seen = Seen(tmp_path)
    assert seen.known

    def part(record: VideoRecord, **changes: object) -> VideoRecord:
        plain = replace(record, path=Path("new name"), start_seconds=None, end_seconds=None, frames=None)
        return replace(plain, split=None, **changes)  # type: ignore[arg-type]

    assert part(whole, frames=(3, 4)) in seen
    assert part(seconds, start_seconds=0.0, end_seconds=2.5) not in seen
    assert part(seconds, start_seconds=0.0, end_seconds=2.6) in seen
    assert part(seconds, frames=(0, 5)) in seen, "which seconds these frames are is not known"
    assert part(frames, frames=(20, 30)) not in seen
    assert part(frames, frames=(19, 30)) in seen
    assert part(open_end, start_seconds=500.0) in seen
    assert part(tested) not in seen
    assert part(whole, content=None) not in seen


def test_a_damaged_list_of_videos_is_not_known(tmp_path: Path) -> None:
    head = "name,part,label,split,group,content\n"
    for text in ("name\nx\n", head + "x\n", head + "x" * 200_000, head + "x,frames 1.5-2,a,train,,1\n"):
        (tmp_path / "training_videos.csv").write_text(text)
        assert not Seen(tmp_path).known
