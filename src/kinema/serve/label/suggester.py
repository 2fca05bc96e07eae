"""What a run proposes, found in a thread of its own, one video after the other, while the page works."""

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import KinemaError
from ...features.store import FeatureStore
from ...features.stored import read_sequence
from ...inference.proposals import Stretch, propose
from ...inference.suggest import Suggested
from ...keys import video_key
from ...labelling.videos import LabelVideos
from ...media.container import content_digest
from ...types import Segment, VideoRecord
from ..decoders import Lease
from ..service import Features, Service

SUREST, NEXT = 60, 20
# A proposal that overlaps what is marked of its class by so much of itself is no news.
KNOWN_SHARE = 0.5
WORK_SECONDS = 24 * 3600.0

Rows = list[dict[str, Any]]


class Suggester:
    """`start` begins, `close` ends. Features go to the `store`, from which training takes them later."""

    def __init__(self, service: Service, videos: LabelVideos, store: FeatureStore):
        self._service, self._videos, self._store = service, videos, store
        self._found: dict[int, Suggested] = {}
        self._problems: dict[int, str] = {}
        self._first: int | None = None
        self._lease = Lease(WORK_SECONDS)
        self._thread = threading.Thread(target=self._run, name="suggester", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End; what is under way is given up."""
        self._lease.cancel()
        if self._thread.is_alive():
            self._thread.join()

    def prefer(self, number: int) -> None:
        """Do this video next: somebody looks at it."""
        self._first = number

    def progress(self) -> dict[str, Any]:
        """How many videos are done, of how many, and those of which nothing can be said."""
        return {
            "done": len(self._found) + len(self._problems),
            "total": len(self._videos),
            "problems": [self._problems[number] for number in sorted(self._problems)],
        }

    def segments(self, number: int, own: Iterable[Segment]) -> Rows:
        """The segments found in a video but those that are marked already."""
        found, marked = self._found.get(number), list(own)
        return [_facts(number, s) for s in found.segments if not _known(s, marked)] if found else []

    def surest(self, own: dict[int, list[Segment]]) -> Rows:
        """Of all videos, the surest first."""
        rows = [row for number in sorted(self._found) for row in self.segments(number, own.get(number, []))]
        return sorted(rows, key=lambda row: -row["score"])[:SUREST]

    def following(self, own: dict[int, list[Segment]], settled: set[int]) -> Rows:
        """Stretches to look at next: the least sure, and the least like what is labelled.

        Stretches with a segment in them, and all of the videos `settled`, are labelled.
        """
        open_ones: list[Stretch] = []
        labelled: list[Stretch] = []
        for number in sorted(self._found):
            marked = own.get(number, [])
            for one in self._found[number].stretches:
                inside = any(s.start_seconds < one.end and one.start < s.end_seconds for s in marked)
                (labelled if inside or number in settled else open_ones).append(one)
        chosen = [open_ones[i] for i in propose(open_ones, labelled, NEXT)]
        return [
            {"file": int(one.video), "start": one.start, "end": one.end, "unsure": round(one.uncertainty, 3)}
            for one in chosen
        ]

    def _run(self) -> None:
        while not self._lease.stop.is_set():
            number = self._pick()
            if number is None:
                return
            video = self._videos[number]
            try:
                self._found[number] = self._service.suggest(str(number), video.path, self._lease, self._keep)
            except (KinemaError, OSError) as error:
                if not self._lease.stop.is_set():
                    self._problems[number] = str(error)

    def _pick(self) -> int | None:
        done = {*self._found, *self._problems}
        if self._first is not None and self._first not in done:
            return self._first
        return next((i for i in range(len(self._videos)) if i not in done), None)

    def _keep(self, path: Path, compute: Any) -> Features:
        """The stored features of a file, or those computed now, which are stored."""
        streams = self._service.run.streams
        key = video_key(content_digest(path), VideoRecord(path))
        shelves = {name: self._store.shelf(name, s.settings()) for name, s in streams.items()}
        if all(key in shelf for shelf in shelves.values()):
            return {name: read_sequence(shelf.path(key)) for name, shelf in shelves.items()}
        found: Features = compute()
        for name, shelf in shelves.items():
            writer = shelf.writer(key, streams[name].dim)
            writer.append(np.ascontiguousarray(found[name].data), found[name].pts_seconds.tolist())
            writer.commit()
        return found


def _known(segment: Segment, marked: list[Segment]) -> bool:
    """Whether most of a segment is marked as its class."""
    shared = sum(
        max(0.0, min(segment.end_seconds, s.end_seconds) - max(segment.start_seconds, s.start_seconds))
        for s in marked
        if s.label == segment.label
    )
    return shared > KNOWN_SHARE * segment.seconds


def _facts(number: int, segment: Segment) -> dict[str, Any]:
    return {
        "file": number,
        "label": segment.label,
        "start": round(segment.start_seconds, 3),
        "end": round(segment.end_seconds, 3),
        "score": round(segment.score or 0.0, 4),
    }
