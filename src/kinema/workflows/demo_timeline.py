"""Long synthetic videos, a timeline learned from their segments, and its report; no network, no weights."""

from pathlib import Path

from ..datasets.synthetic import make_long
from ..resources import Resources
from .context import TrainOptions, TrainResult
from .events import SILENT, Events
from .train import train

# Two thirds of the actors train. Many actors teach more than long videos of few.
ACTORS, SECONDS = 48, 60.0


def demo_timeline(out: str | Path, *, seed: int = 0, events: Events = SILENT) -> TrainResult:
    """Write `out/long`, `out/features` and the run `out/timeline`. A second call makes nothing anew."""
    out = Path(out)
    events.step(f"making {ACTORS} synthetic videos of {SECONDS:g} s")
    segments = make_long(
        out / "long", actors=ACTORS, seconds=SECONDS, seed=seed, progress=events.progress
    )  # fmt: skip
    return train(
        segments,
        recipe="tiny-timeline",
        out=out / "timeline",
        overrides=[f"training.seed={seed}"],
        options=TrainOptions(task="timeline"),
        resources=Resources(weights="none", features=out / "features"),
        events=events,
    )
