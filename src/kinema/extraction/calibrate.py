"""int8: each backbone's network, calibrated on steps of the user's own videos, and kept.

Which steps is fixed: of the 40 training videos whose keys come first (digests of their content: as good as
drawn by lot, and the same on every machine) every fourth step, as many of each as a batch has. NNCF measures
the range of every layer on them. The network lies in the feature store, so that work that was stopped goes on
with it, and in the run, for predictions elsewhere; its digest is part of the features' fingerprint.
"""

import contextlib
import importlib.util
import io
import logging
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ..atomic import write_text
from ..backbones.calibrated import CalibratedNetwork, read_network
from ..backbones.load import LoadedBackbone
from ..backbones.openvino_runtime import Unconvertible, converted, openvino
from ..errors import MediaError, UsageError, WorkError
from ..features.store import FeatureStore
from ..keys import fingerprint, video_key
from ..media.video import VideoFile
from ..run import RunConfig
from ..streams import Task
from ..types import Clip, VideoRecord
from .inline import messages_of
from .loaded import BATCH_SIZES, LoadedStream

VIDEOS, EVERY = 40, 4
FOLDER = "int8"  # of a run, and of a store
Steps = Sequence[tuple[np.ndarray, ...]]


def calibrated(
    stream: LoadedStream, records: Iterable[VideoRecord], digests: Mapping[Path, str], store: FeatureStore
) -> LoadedStream:
    """The stream with its networks in int8, made here or found in the store; as it is where it has them.

    Raises `UsageError` without NNCF, `WorkError` where no video can be read, or OpenVINO cannot take a
    backbone.
    """
    if stream.choice.precision != "int8" or stream.calibrated:
        return stream
    keys = {video_key(digests[r.path], r): r for r in records if r.path in digests}
    chosen = [keys[key] for key in sorted(keys)[:VIDEOS]]
    what = {"stream": stream.settings(), "videos": sorted(keys)[:VIDEOS], "openvino": openvino().__version__}
    folder = store.root / FOLDER / f"{stream.name}-{fingerprint(what)[:16]}"
    kept = _kept(folder, len(stream.backbones))
    if kept is None:
        steps = _steps(stream, chosen)
        made = [_quantized(b, [s[i] for s in steps]) for i, b in enumerate(stream.backbones)]
        kept = _kept(folder, len(made)) or _write(folder, made)
    return replace(stream, calibrated=tuple(kept))


def save_networks(folder: Path, streams: Mapping[str, LoadedStream]) -> None:
    """Put the calibrated networks of a run's streams into its folder."""
    for name, stream in streams.items():
        for i, network in enumerate(stream.calibrated):
            network.write(folder / FOLDER, f"{name}-{i}")


def with_networks(
    folder: Path, config: RunConfig, streams: Mapping[str, LoadedStream]
) -> dict[str, LoadedStream]:
    """The streams of a run with its calibrated networks, where int8 needs them.

    Raises `UsageError` where the run has none, and where they are not those that it was trained with.
    """
    found = {}
    for name, stream in streams.items():
        networks = []
        for i, known in enumerate(config.backbones[name] if stream.choice.precision == "int8" else []):
            if "int8" not in known:
                cure = "train with --precision int8, or leave --precision out"
                raise UsageError(f"run {folder} has no networks in int8; {cure}")
            network = read_network(folder / FOLDER, f"{name}-{i}")
            if network is None or network.digest != known["int8"]:
                raise UsageError(
                    f"{folder}/{FOLDER}/{name}-{i}.xml or .bin is not the run's own; copy the run again"
                )
            networks.append(network)
        found[name] = replace(stream, calibrated=tuple(networks))
    return found


def _kept(folder: Path, count: int) -> list[CalibratedNetwork] | None:
    """The networks of a folder of the store, if all are there and whole."""
    networks = [read_network(folder, str(i)) for i in range(count)]
    found = [network for network in networks if network is not None]
    with contextlib.suppress(OSError):
        if (folder / "sha256").read_text(encoding="utf-8").split() == [n.digest for n in found]:
            return found if len(found) == count else None
    return None


def _write(folder: Path, networks: list[CalibratedNetwork]) -> list[CalibratedNetwork]:
    for i, network in enumerate(networks):
        network.write(folder, str(i))
    write_text(folder / "sha256", "\n".join(network.digest for network in networks) + "\n")
    return networks


def _steps(stream: LoadedStream, records: Sequence[VideoRecord]) -> Steps:
    """Some steps of each video that can be read, one array per backbone each."""
    most = BATCH_SIZES[stream.spec.views[0].kind]
    found: list[tuple[np.ndarray, ...]] = []
    for record in records:
        messages = messages_of(stream.spec, VideoFile.of(record), Task(), stream.tools)
        clips = (m for m in messages if isinstance(m, Clip))
        with contextlib.suppress(MediaError):  # extraction will say why
            found += [clip.inputs for clip in islice(clips, 0, most * EVERY, EVERY)]
    if not found:
        raise WorkError(f"stream {stream.name}: no video can be read to calibrate int8 on; see `kinema scan`")
    return found


def _quantized(backbone: LoadedBackbone, steps: list[np.ndarray]) -> CalibratedNetwork:
    size = BATCH_SIZES[backbone.spec.input.kind]
    count = -(-len(steps) // size) * size
    filled = [steps[i % len(steps)] for i in range(count)]
    batches = [np.stack(filled[start : start + size]) for start in range(0, count, size)]
    nncf, silent = _nncf(), io.StringIO()
    try:
        network = converted(backbone, batches[0])
    except Unconvertible as error:
        raise WorkError(f"OpenVINO cannot run {backbone.spec.name} ({error}); use --precision fp32") from None
    with contextlib.redirect_stdout(silent), contextlib.redirect_stderr(silent):  # its progress bars
        network = nncf.quantize(network, nncf.Dataset(batches), subset_size=len(batches))
    with tempfile.TemporaryDirectory() as folder:
        openvino().save_model(network, Path(folder) / "0.xml", compress_to_fp16=False)
        written = read_network(Path(folder), "0")
    assert written is not None, "it was just written"
    return written


def _nncf() -> Any:
    if importlib.util.find_spec("nncf") is None:
        raise UsageError("int8 is calibrated by NNCF, which is not installed; pip install nncf")
    openvino()  # and with it no telemetry
    # What it, and the part of torch that it loads, have to say of themselves.
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        import nncf
    logging.getLogger("nncf").setLevel(logging.ERROR)
    return nncf
