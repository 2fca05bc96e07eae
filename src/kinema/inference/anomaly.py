"""A fitted anomaly detector at work on files: one verdict a video, or one a window along its timeline."""

from dataclasses import dataclass
from pathlib import Path

import torch

from ..anomaly.detector import Detector, Verdict, load_detector
from ..buckets import as_path, local_folder
from ..errors import UsageError
from ..media.video import Video
from ..resources import Resources
from .load import load
from .predictor import LoadedRun


@dataclass(frozen=True, slots=True)
class LoadedDetector:
    """A detector with the run that makes its embeddings."""

    detector: Detector
    run: LoadedRun

    def score(self, video: str | Path | Video) -> Verdict:
        """The verdict on one video. Raises `MediaError` where it cannot be read."""
        return self.detector.verdict(torch.from_numpy(self.run.embed(video)))

    def timeline(
        self,
        video: str | Path | Video,
        *,
        window_seconds: float | None = None,
        stride_seconds: float | None = None,
    ) -> list[tuple[float, float, Verdict]]:
        """(start, end, verdict) of sliding windows of video time, in order.

        The threshold belongs to whole normal videos, so a window is as long as their median unless told
        otherwise, and the stride half a window.
        """
        window = window_seconds or self.detector.seconds
        embed = self.run.sequences.embed
        return [
            (start, end, self.detector.verdict(torch.from_numpy(embed(features))))
            for (start, end), features in self.run.windows(video, window, stride_seconds or window / 2)
        ]


def load_anomaly(
    folder: str | Path,
    *,
    run: str | Path | None = None,
    resources: Resources | None = None,
) -> LoadedDetector:
    """Load a folder of `kinema anomaly fit`, and its run from where it lay then or from `run`.

    Raises `UsageError` where the run is gone or another one, or the folder is no detector.
    """
    detector = load_detector(local_folder(folder))
    place = run or detector.run
    if not as_path(place).is_dir():
        raise UsageError(f"the run of {folder} is not at {place}; give its present place with --run")
    loaded = load(place, resources)
    if loaded.fingerprint != detector.fingerprint:
        raise UsageError(
            f"run {place} is not the one that {folder} was fitted on; give that run with --run, or fit again"
        )
    return LoadedDetector(detector, loaded)
