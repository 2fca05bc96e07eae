"""The whole way in minutes: synthetic videos, training, evaluation, report; no network, no weights."""

from pathlib import Path

from ..datasets.synthetic import make_synthetic
from ..resources import Resources
from .context import TrainOptions, TrainResult
from .events import SILENT, Events
from .train import train

# Two thirds of the actors train. Many actors teach more than many clips of few.
ACTORS, CLIPS = 48, 2
VISUAL = ("walking", "boxing", "waving", "jumping_jacks")
ORDER = ("sit_down", "stand_up")


def demo(out: str | Path, *, seed: int = 0, events: Events = SILENT) -> TrainResult:
    """Write `out/videos`, `out/features` and the run `out/run`. A second call makes nothing anew."""
    out = Path(out)
    chosen = [*VISUAL, *ORDER]
    events.step(f"making {len(chosen) * ACTORS * CLIPS} synthetic videos of {len(chosen)} actions")
    annotations = make_synthetic(
        out / "videos",
        actors=ACTORS,
        clips_per_actor=CLIPS,
        classes=chosen,
        seed=seed,
        progress=events.progress,
    )
    subsets = {"visual classes": VISUAL, "order pair": ORDER}
    return train(
        annotations,
        recipe="tiny",
        out=out / "run",
        overrides=[f"training.seed={seed}"],
        options=TrainOptions(subsets=subsets),
        resources=Resources(weights="none", features=out / "features"),
        events=events,
    )
