"""An anomaly detector in a folder: `anomaly.yaml` and `autoencoder.safetensors`. Loading executes no code."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from ..atomic import atomic_open, write_text
from ..errors import UsageError
from ..yaml_file import needs, read_yaml
from .autoencoder import Autoencoder, reconstruction_error
from .threshold import Threshold, percentile

DETECTOR_VERSION = 2
CONFIG, VALUES = "anomaly.yaml", "autoencoder.safetensors"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`error` of one video (or stretch), the `threshold`, and the per cent of normal videos it reaches."""

    error: float
    threshold: float
    percentile: float

    @property
    def anomalous(self) -> bool:
        """Whether the error lies above the threshold."""
        return self.error > self.threshold


@dataclass(frozen=True, slots=True)
class Detector:
    """An autoencoder with its threshold, and the run whose embeddings it was fitted on.

    `held_out` are the errors of held-out normal videos, ascending, float32 [n]. `run` is the folder of the
    run when this was fitted, `fingerprint` the digest of what makes its embeddings. `seconds` is the median
    length of the normal videos. `normal` names the normal classes, where they were picked.
    """

    autoencoder: Autoencoder
    threshold: Threshold
    held_out: Tensor
    run: str
    fingerprint: str
    seconds: float
    normal: tuple[str, ...] = ()

    def verdict(self, embedding: Tensor) -> Verdict:
        """The verdict on one embedding [E]."""
        return self.judged(self.error(embedding))

    def error(self, embedding: Tensor) -> float:
        """The reconstruction error of one embedding [E]."""
        return float(reconstruction_error(self.autoencoder, embedding[None]))

    def judged(self, error: float) -> Verdict:
        """The verdict on an error."""
        reached = percentile(self.held_out, torch.tensor([error]))
        return Verdict(error, self.threshold.value, float(reached))


def save_detector(folder: Path, detector: Detector) -> None:
    """Write both files, each atomically; `anomaly.yaml` last, so that a folder with it is whole."""
    plain = {
        "kinema_anomaly": DETECTOR_VERSION,
        "run": detector.run,
        "fingerprint": detector.fingerprint,
        "seconds": detector.seconds,
        "normal": list(detector.normal),
        "threshold": asdict(detector.threshold),
    }
    tensors = detector.autoencoder.to_tensors() | {"held_out": detector.held_out.contiguous()}
    with atomic_open(folder / VALUES, "wb") as file:
        file.write(save(tensors, metadata={"kinema_anomaly": str(DETECTOR_VERSION)}))
    write_text(folder / CONFIG, yaml.safe_dump(plain, sort_keys=False, allow_unicode=True))


def load_detector(folder: str | Path) -> Detector:
    """Read what `save_detector` wrote. Raises `UsageError` where there is none, or a damaged or newer one."""
    folder = Path(folder)
    try:
        raw = read_yaml(folder / CONFIG)
    except (OSError, ValueError):
        raise UsageError(
            f"{folder} is not an anomaly detector (no readable {CONFIG}); make one with `kinema anomaly fit`"
        ) from None
    if not isinstance(raw, dict) or "kinema_anomaly" not in raw:
        raise UsageError(f"{folder / CONFIG} is not a detector's; make one with `kinema anomaly fit`")
    version = raw["kinema_anomaly"]
    if isinstance(version, int | float) and version > DETECTOR_VERSION:
        raise UsageError(f"{folder} was made by a newer Kinema; update Kinema to use it")
    if isinstance(version, int | float) and version < DETECTOR_VERSION:
        raise UsageError(f"{folder} was made by an older Kinema; fit it again")
    try:
        state = load_file(folder / VALUES)
    except (OSError, SafetensorError) as error:
        raise UsageError(f"{folder} has no readable {VALUES} ({error}); fit it again") from None
    try:
        return _detector(raw, state)
    except (KeyError, TypeError, ValueError, RuntimeError, IndexError) as error:
        why = f"{type(error).__name__}: {error}"
        raise UsageError(f"{folder} is a damaged detector ({why}); fit it again") from None


def _detector(raw: dict[str, Any], state: dict[str, Tensor]) -> Detector:
    if not all(value.isfinite().all() for value in state.values()):
        raise ValueError("values that are not finite")
    held_out = state.pop("held_out")
    run, fingerprint = (needs(raw[key], str, key) for key in ("run", "fingerprint"))
    normal = tuple(str(label) for label in needs(raw["normal"], list, "normal"))
    model, threshold = Autoencoder.from_tensors(state), Threshold(**raw["threshold"])
    return Detector(model, threshold, held_out, run, fingerprint, float(raw["seconds"]), normal)
