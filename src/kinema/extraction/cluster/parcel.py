"""A stream on its way to another machine: its settings, and what tells whether its values are the same."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...backbones.calibrated import CalibratedNetwork
from ...errors import UsageError
from ...keys import fingerprint
from ...resources import Resources
from ...streams.base import StreamSettings
from ..loaded import TRAINED, LoadedStream, load_streams

ADVICE = "copy them there, or name their folder by --weights or KINEMA_WEIGHTS"


@dataclass(frozen=True, slots=True)
class Parcel:
    """A stream as its settings. Published values are found anew where it is opened; what was trained in a
    run, and networks in int8, travel along.

    `settings` is all that decides the features, the digests of the values included.
    """

    name: str
    spec: StreamSettings
    asked: Mapping[str, Any]  # the fields of `Resources`
    settings: Mapping[str, Any]
    files: tuple[Path, ...]
    trained: tuple[Mapping[str, Any], ...]
    calibrated: tuple[CalibratedNetwork, ...]


def packed(stream: LoadedStream, asked: Mapping[str, Any]) -> Parcel:
    """A stream to be opened with the `Resources` that `asked` describe."""
    trained = all(backbone.source == TRAINED for backbone in stream.backbones)
    return Parcel(
        stream.name,
        stream.spec,
        asked,
        stream.settings(),
        tuple(Path(backbone.source) for backbone in stream.backbones),
        tuple(backbone.module.state_dict() for backbone in stream.backbones) if trained else (),
        stream.calibrated,
    )


def opened(parcel: Parcel) -> LoadedStream:
    """The stream, loaded here.

    Raises `UsageError` where values are absent or others, and where this machine cannot compute as asked.
    """
    resources = Resources(**parcel.asked)  # checked against this machine
    hints = {parcel.name: parcel.files}
    stream = load_streams({parcel.name: parcel.spec}, resources, hints, advice=ADVICE)[parcel.name]
    if parcel.trained:
        for backbone, state in zip(stream.backbones, parcel.trained, strict=True):
            backbone.module.load_state_dict(dict(state))
        stream = stream.with_backbones([backbone.module for backbone in stream.backbones])
    stream = replace(stream, calibrated=parcel.calibrated)
    if fingerprint(stream.settings()) != fingerprint(parcel.settings):
        raise UsageError(_difference(stream, parcel))
    return stream


def _difference(stream: LoadedStream, parcel: Parcel) -> str:
    """What is other here than there, in words."""
    here, there = stream.settings(), parcel.settings
    for own, wanted in zip(here["backbones"], there["backbones"], strict=True):
        if own != wanted:
            return (
                f"has other weights of {own['name']} ({own['weights'][:12]}, not {wanted['weights'][:12]}); "
                f"{ADVICE}"
            )
    own, wanted = (side.get("precision", "fp32") for side in (here, there))
    if own != wanted:
        return f"would compute in {own}, not in {wanted}; say which with --precision"
    return "computes other features than this machine; install the same Kinema on both"
