"""The backbones of a cluster's machine: an actor that has videos decoded, computes, and stores."""

import os
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import ray

from ...errors import KinemaError, WorkError
from ...features.sequence_file import SequenceWriter
from ..engine import SequenceBuffer, Sink
from ..messages import Finished, Job, Message, Setting
from .answers import Answer, Place, Result
from .decode import decode
from .site import Site, Unreachable

# How often Ray gives a task another try whose process, or machine, has died.
AGAIN = 2
# Groups of clips of one video that wait in Ray's memory.
AHEAD = 4
NODE = "ray.io/node-id"  # Ray's label of every machine


class Backbones:
    """All streams of a job, loaded once. Videos are computed by as many threads as there are calls."""

    def __init__(self, threads: int, decoder: dict[str, Any]):
        # Ahead of torch: Ray allows as many as the processors that the actor reserves, and not those that
        # it uses while nothing is decoded.
        os.environ["OMP_NUM_THREADS"] = str(threads)
        self._decode = ray.remote(_decode)
        self._decoder = decoder | {
            "num_returns": "streaming",
            "max_retries": AGAIN,
            "_generator_backpressure_num_objects": AHEAD,
        }
        self._stations: dict[str, Any] = {}
        self._settings: dict[str, Setting] = {}

    def prepare(self, site: Site, parcels: Sequence[Any]) -> str | None:
        """Check this machine and load the streams; what is wrong here, in one line, or None."""
        from .parcel import opened  # torch
        from .station import Station

        try:
            site.check()
            for parcel in parcels:
                stream = opened(parcel)
                self._stations[parcel.name] = Station(stream.compute)
                self._settings[parcel.name] = Setting(stream.spec, stream.resources)
        except KinemaError as error:
            return str(error)
        self._site = site
        return None

    def video(self, stream: str, job: Job, place: Place | None, machines: Sequence[str]) -> Answer:
        """Compute one video, decoded on one of `machines`. It goes to its place, or comes back.

        Raises `Unreachable` where a machine is to blame, and Ray's errors where one was lost.
        """
        if place is not None and place.key in place.shelf:
            return Answer(Finished(skipped=True))
        station = self._stations[stream]
        messages = self._messages(self._settings[stream], job, machines)
        try:
            done = station.video(messages, partial(_sink, place, station.dim))
            if done.sink is None:
                return Answer(done.end)
            if isinstance(done.sink, SequenceWriter):
                done.sink.commit()
                return Answer(done.end, Result(done.sink.steps))
            sequence = done.sink.sequence()
            return Answer(done.end, Result(len(sequence), sequence))
        except Unreachable as error:
            raise getattr(error, "cause", error) from None  # without what Ray wraps it into
        except WorkError as error:
            return Answer(Finished(), failure=str(error))
        except OSError as error:
            reason = error.strerror or str(error)
            return Answer(
                Finished(), failure=f"cannot write features ({reason}); free some space, then start again"
            )

    def _messages(self, setting: Setting, job: Job, machines: Sequence[str]) -> Iterator[list[Message]]:
        where = {NODE: f"in({','.join(machines)})"}
        task = self._decode.options(label_selector=where, **self._decoder)
        try:
            for group in task.remote(setting, job, self._site):
                yield ray.get(group)
        except ray.exceptions.WorkerCrashedError:
            yield [Finished(error=f"decoder crashed {1 + AGAIN} times")]


def _decode(setting: Setting, job: Job, site: Site) -> Iterator[list[Message]]:
    yield from decode(setting, job, site, ray.get_runtime_context().get_node_id())


def _sink(place: Place | None, dim: int) -> Sink:
    return SequenceBuffer(dim) if place is None else place.shelf.writer(place.key, dim)
