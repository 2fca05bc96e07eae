"""Two processes on gloo train what one does with the same batches: the same figures, to rounding."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = pytest.mark.slow

RGB = {"input": "rgb", "sampling": {"kind": "windows", "length": 3, "stride": 5}, "backbone": "small_cnn"}
AUDIO = {"input": "audio", "backbone": "yamnet"}
GRU = {"kind": "gru", "units": 8, "dropout": 0.0}
# Batches of 5 of 12 videos: the last one has two, and in it one process has one.
TRAINING = {"epochs": 3, "lr": 0.01, "batch": 5, "val_fraction": 0.25}
RECIPES: dict[str, dict[str, Any]] = {
    "joint": {"streams": {"rgb": RGB}, "temporal": GRU, "training": TRAINING | {"class_balance": "weights"}},
    "svm": {
        "streams": {"rgb": RGB, "audio": AUDIO},
        "temporal": GRU,
        "fusion": {"kind": "concat_svm"},
        "training": TRAINING | {"stages": "separate"},
    },
    "per step": {
        "streams": {"rgb": RGB},
        "temporal": GRU | {"pool": "none"},
        "classifier": {"per_step": True, "vote": "mean"},
        "training": TRAINING,
    },
    "end to end": {
        "streams": {"rgb": RGB | {"train_blocks": 2}},
        "temporal": GRU,
        "training": TRAINING | {"backbone": {"unit": "video", "epochs": 2, "batch": 3, "lr": 0.001}},
    },
    "closed form": {"streams": {"rgb": RGB}, "temporal": {"kind": "moments"}, "training": {}},
    "folds of epochs": {
        "streams": {"rgb": RGB},
        "temporal": GRU,
        "training": TRAINING | {"keep": "folds", "val_fraction": 0.0},
    },
}


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips of eight actors, and a file that cannot be read."""
    from kinema.datasets.synthetic import make_synthetic

    folder = tmp_path_factory.mktemp("ranks") / "videos"
    classes = ("strike_bell", "strike_drum", "waving")
    table = make_synthetic(
        folder, actors=8, clips_per_actor=1, classes=classes, seconds=1.0, fps=10, width=64, height=48
    )
    (folder / "text.mp4").write_text("not a video\n")
    with open(table, "a") as file:
        header = table.read_text().splitlines()[0].split(",")
        row = {"file_name": "text.mp4", "label": "waving", "split": "train", "group": "g99"}
        file.write(",".join(row.get(name, "") for name in header) + "\n")
    return table


def call(videos: Path, recipe: str, out: Path, processes: int, *more: str, wait: bool = True) -> Any:
    file = out.with_suffix(".yaml")
    file.write_text(json.dumps({"name": "ranks", "protocol": {"kind": "split"}, **RECIPES[recipe]}))
    launcher = ["torch.distributed.run", "--standalone", "--nproc_per_node", str(processes), "-m"]
    command = [sys.executable, "-m", *(launcher if processes > 1 else []), "kinema", "train", str(videos)]
    command += ["--recipe", str(file), "--weights", "none", "--device", "cpu", "--out", str(out), *more]
    command += ["--features", str(videos.parent / "features")]
    if "--devices" not in more:
        command += ["--devices", str(processes)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    if not wait:
        return process
    said = process.communicate(timeout=900)[0]
    assert process.returncode == 0, said
    return said


def history(run: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def metrics(run: Path) -> dict[str, Any]:
    found = json.loads((run / "metrics.json").read_text())
    names = ("accuracy", "top3", "mean_class_accuracy", "n_test", "confusion", "shuffled_accuracy")
    return {name: found[name] for name in (*names, "quarantined")}


def assert_alike(one: Path, two: Path) -> None:
    assert metrics(one) == metrics(two)
    for row, other in zip(history(one), history(two), strict=True):
        assert row.pop("stage") == other.pop("stage")
        assert row == pytest.approx(other, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("recipe", RECIPES)
def test_two_processes_find_what_one_does(recipe: str, videos: Path, tmp_path: Path) -> None:
    call(videos, recipe, tmp_path / "one", 1)
    said = call(videos, recipe, tmp_path / "two", 2)
    assert said.count("report: ") == 1, "one of them tells"
    assert_alike(tmp_path / "one", tmp_path / "two")
    assert metrics(tmp_path / "two")["quarantined"] == 1
    if recipe == "closed form":
        assert "a closed form is solved for by one process" in said


def test_killed_and_resumed(videos: Path, tmp_path: Path) -> None:
    more = ["--set", "training.epochs=60"]
    call(videos, "joint", tmp_path / "one", 1, *more)
    process = call(videos, "joint", tmp_path / "two", 2, *more, wait=False)
    checkpoint = tmp_path / "two" / "checkpoints" / "temporal.ckpt"
    while not checkpoint.exists():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.02)
    # torchrun gives each of its workers a session of its own.
    for one in [*psutil.Process(process.pid).children(recursive=True), process]:
        one.kill()
    process.communicate()
    said = call(videos, "joint", tmp_path / "two", 2, *more)
    assert "goes on from epoch" in said
    assert_alike(tmp_path / "one", tmp_path / "two")


def test_lightning_starts_the_others_itself(videos: Path, tmp_path: Path) -> None:
    call(videos, "joint", tmp_path / "one", 1)
    said = call(videos, "joint", tmp_path / "two", 1, "--devices", "2")
    assert said.count("report: ") == 1
    assert_alike(tmp_path / "one", tmp_path / "two")


RAY_TRAIN = """
import json, os, sys
import ray
from ray.train import RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer

def work(asked):
    from kinema.resources import Resources
    from kinema.workflows.context import TrainOptions
    from kinema.workflows.train import train
    result = train(
        asked["videos"], recipe=asked["recipe"], out=asked["out"], options=TrainOptions(devices=2),
        resources=Resources(weights="none", device="cpu", features=asked["features"]),
    )
    print("first" if result.first else "other", result.metrics["accuracy"], flush=True)

asked = json.loads(sys.argv[1])
ray.init(num_cpus=2, include_dashboard=False, log_to_driver=True)
TorchTrainer(
    work, train_loop_config=asked, scaling_config=ScalingConfig(num_workers=2),
    run_config=RunConfig(storage_path=asked["notes"]),
).fit()
"""


def test_ray_train_starts_them(videos: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray.train", exc_type=ImportError)
    call(videos, "joint", tmp_path / "one", 1)
    places = {"videos": videos, "recipe": tmp_path / "one.yaml", "out": tmp_path / "two"}
    places |= {"features": videos.parent / "features", "notes": tmp_path / "notes"}
    asked = json.dumps({name: str(path) for name, path in places.items()})
    environment = os.environ | {"OMP_NUM_THREADS": "1", "RAY_TRAIN_V2_ENABLED": "1"}
    done = subprocess.run(
        [sys.executable, "-c", RAY_TRAIN, asked], env=environment, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert_alike(tmp_path / "one", tmp_path / "two")
    told = {role: set(re.findall(rf"pid=(\d+)\)\S* {role} ", done.stdout)) for role in ("first", "other")}
    assert [len(workers) for workers in told.values()] == [1, 1]


def test_slurm_starts_them(videos: Path, tmp_path: Path) -> None:
    """Two tasks as `srun --ntasks-per-node 2` starts them, by what it says in the environment."""
    call(videos, "joint", tmp_path / "one", 1)
    slurm = {"JOB_ID": "77", "JOB_NAME": "kinema", "NTASKS": "2", "NTASKS_PER_NODE": "2", "NODEID": "0"}
    slurm |= {"NNODES": "1", "NODELIST": "localhost", "JOB_NODELIST": "localhost"}
    command = [sys.executable, "-m", "kinema", "train", str(videos), "--recipe", str(tmp_path / "one.yaml")]
    command += ["--weights", "none", "--device", "cpu", "--out", str(tmp_path / "two"), "--devices", "2"]
    command += ["--features", str(videos.parent / "features")]
    tasks = []
    for rank in range(2):
        own = {"PROCID": str(rank), "LOCALID": str(rank)}
        environment = os.environ | {f"SLURM_{name}": value for name, value in (slurm | own).items()}
        tasks.append(
            subprocess.Popen(
                command,
                env=environment | {"OMP_NUM_THREADS": "1"},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
    said = [task.communicate(timeout=900)[0] for task in tasks]
    assert [task.returncode for task in tasks] == [0, 0], "\n".join(said)
    assert [text.count("report: ") for text in said] == [1, 0]
    assert_alike(tmp_path / "one", tmp_path / "two")
