"""A run in fp32, bf16 and int8 on the same videos: accuracy, agreement with its own answers, time."""

import importlib.util
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args

import numpy as np

from ..backbones.choice import Choice, choose
from ..datasets import Dataset
from ..errors import UsageError, WorkError
from ..evaluation.metrics import classification_metrics
from ..evaluation.score import score_items
from ..extraction.calibrate import calibrated
from ..extraction.loaded import LoadedStream
from ..inference.predictor import LoadedRun
from ..media.video import VideoFile
from ..resources import Precision
from ..types import VideoRecord
from .context import Context
from .extract import extract_streams

TIMED = 8  # videos
IMITATED = "no bf16 on this processor: its rounding is imitated, and its time is not measured"


def compare_precision(
    loaded: LoadedRun, tested: Dataset, own: np.ndarray, records: Sequence[VideoRecord], context: Context
) -> list[dict[str, Any]]:
    """One row for each precision, as metrics.json has them under `precisions`.

    `tested` holds the test videos and `own` the run's scores of them [N, C]; on `records` int8 is calibrated,
    where the run has no networks of its own. `seconds_per_video` is the median over `TIMED` test videos of
    decoding and computing, one after the other, by turns.
    """
    rows, timed = [], {}
    for precision in [p for p in get_args(Precision) if p != "auto"]:
        context.events.step(f"the test videos in {precision}")
        try:
            streams, note = _in_precision(loaded, precision, records, context)
        except (UsageError, WorkError) as error:
            rows.append({"precision": precision, "note": str(error)})
            continue
        scores = own if streams is loaded.streams else _answers(loaded, streams, tested, context)
        row = _row(precision, streams, scores, own, tested)
        rows.append(row | {"note": note})
        if note != IMITATED:
            timed[precision] = streams
    every = max(1, len(tested.records) // TIMED)
    seconds = _seconds(timed, tested.records[::every][:TIMED])
    return [row | {"seconds_per_video": seconds.get(row["precision"])} for row in rows]


def _in_precision(
    loaded: LoadedRun, precision: Precision, records: Sequence[VideoRecord], context: Context
) -> tuple[Mapping[str, LoadedStream], str]:
    """The run's streams in this precision, and what is to be said of it. Raises `UsageError`."""
    first = next(iter(loaded.streams.values()))
    if precision == first.choice.precision:
        return loaded.streams, "the run's own"
    resources, note = replace(first.resources, precision=precision, runtime="auto"), ""
    if precision == "int8":
        resources = replace(resources, device="cpu")
        if importlib.util.find_spec("nncf") is None:
            raise UsageError("not calibrated: NNCF is not installed; pip install nncf")
        trained = any(r.split == "train" for r in records)
        note = f"calibrated on {'training' if trained else 'these'} videos"
    try:
        choice = choose(resources)
    except UsageError:
        if precision != "bf16" or first.choice.device != "cpu":
            raise
        choice, note = Choice("cpu", "bf16", "torch", True, "imitated"), IMITATED
    streams = {}
    for name, stream in loaded.streams.items():
        other = replace(stream, resources=resources, choice=choice, calibrated=())
        streams[name] = calibrated(other, records, context.digests(records), context.store)
    return streams, note


def _answers(
    loaded: LoadedRun, streams: Mapping[str, LoadedStream], tested: Dataset, context: Context
) -> np.ndarray:
    """Class scores [N, C] of the test videos."""
    extracted = extract_streams(tested.records, streams, context)
    return score_items(loaded.sequences.model, extracted.items(tested.records, loaded.labels))


def _row(
    precision: str,
    streams: Mapping[str, LoadedStream],
    scores: np.ndarray,
    own: np.ndarray,
    tested: Dataset,
) -> dict[str, Any]:
    choice = next(iter(streams.values())).choice
    metrics = classification_metrics(
        scores,
        np.array([tested.labels.index(r.label or "") for r in tested.records]),
        tested.labels,
        train_counts=[1] * len(tested.labels),
        groups=[r.group for r in tested.records],
        split=tested.split_source,
    )
    return {
        "precision": precision,
        "runtime": choice.runtime,
        "device": choice.device,
        "accuracy": metrics["accuracy"],
        "ci95": metrics["ci95"],
        "agreement": float((scores.argmax(1) == own.argmax(1)).mean()),
    }


def _seconds(
    timed: Mapping[str, Mapping[str, LoadedStream]], records: Sequence[VideoRecord]
) -> dict[str, float]:
    """Median seconds a video in each precision, one video in all of them before the next."""
    taken: dict[str, list[float]] = {precision: [] for precision in timed}
    for record in [*records[:1], *records]:  # the first one also sets up, and is timed again
        for precision, streams in timed.items():
            started = time.perf_counter()
            for stream in streams.values():
                stream.features(VideoFile.of(record))
            taken[precision].append(time.perf_counter() - started)
    return {precision: float(np.median(seconds[1:])) for precision, seconds in taken.items()}
