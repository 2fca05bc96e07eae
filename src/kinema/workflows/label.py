"""Segments marked by hand, on a page; and several people's as one file."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..features.store import FeatureStore, default_features
from ..labelling.label_file import LabelFile
from ..labelling.merge import Merged, merge
from ..labelling.session import Session
from ..labelling.videos import videos_of
from ..resources import Resources
from ..serve.decoders import Decoders
from ..serve.label.app import Desk, create_label_app
from ..serve.label.looking import Looking
from ..serve.limits import Limits
from ..serve.messages import Opening
from ..serve.scratch import Scratch, scratch_folder
from ..serve.server import BACKLOG, address, run
from .events import SILENT, Events

# Files of one's own: what bounds strangers is wide open. Features of a video lie in memory while it is worked
# on, 150 MB an hour: longer ones are without proposals.
PROPOSED_SECONDS = 4 * 3600.0
LIMITS = Limits(video_seconds=PROPOSED_SECONDS, megapixels=68.0, work_seconds=3600.0, memory_mb=3072.0)
# How fine time is seen where no run says otherwise: the recipes of timelines have 8 steps a second.
STEP_SECONDS = 1 / 8


@dataclass(frozen=True, slots=True)
class LabelOptions:
    """`run` proposes; `annotator` is who marks."""

    run: Path | None = None
    annotator: str = ""


def label_videos(
    data: Path,
    labels: Path,
    listening: socket.socket,
    *,
    options: LabelOptions = LabelOptions(),  # frozen
    resources: Resources | None = None,
    events: Events = SILENT,
) -> None:
    """Serve the page for the videos of `data` until a signal ends it; `labels` is written at each change.

    Raises `UsageError` where there is no video, or the labels or the run cannot be read.
    """
    session = Session(videos_of(data, labels), LabelFile(labels), options.annotator)
    for text in session.warnings(session.labels.table()):
        events.warn(text)
    with (
        scratch_folder() as scratch,
        _desk(session, scratch, options, resources or Resources(), events) as desk,
    ):
        listening.listen(BACKLOG)
        events.step(f"labelling {len(session.videos)} videos at {address(listening)}; Ctrl-C ends it")
        run(create_label_app(desk), listening)


def merge_labels(files: list[Path], out: Path, *, events: Events = SILENT) -> Merged:
    """Several label files as one, see `kinema.labelling.merge`; what the reader says of it is told."""
    found = merge(files, out)
    for text in found.warnings:
        events.warn(text)
    return found


@contextmanager
def _desk(
    session: Session, scratch: Scratch, options: LabelOptions, resources: Resources, events: Events
) -> Iterator[Desk]:
    if options.run is None:
        decoders = Decoders(Opening({}, resources, LIMITS, scratch.folder))
        try:
            decoders.warm(1)
            yield Desk(session, Looking(decoders), (), STEP_SECONDS)
        finally:
            decoders.close()
        return
    # Torch, which takes seconds, for those who have a run.
    from ..inference.load import load
    from ..live.plan import step_seconds
    from ..serve.label.suggester import Suggester
    from ..serve.service import Service, Shelf

    events.step(f"loading {options.run}")
    loaded = load(options.run, resources)
    with ExitStack() as stack:
        service = stack.enter_context(Service(loaded, scratch, limits=LIMITS, shelf=Shelf(), workers=2))
        service.warm()
        suggester = Suggester(service, session.videos, FeatureStore(resources.features or default_features()))
        stack.callback(suggester.close)
        suggester.start()
        yield Desk(
            session, Looking(service.decoders), loaded.labels, step_seconds(loaded) or STEP_SECONDS, suggester
        )
