"""A run served to browsers and programs."""

import socket
from dataclasses import dataclass, field
from pathlib import Path

from ..anomaly.detector import Detector, load_detector
from ..buckets import as_path, local, local_folder
from ..errors import UsageError
from ..inference.embedding_file import open_embeddings
from ..inference.load import load
from ..inference.predictor import LoadedRun
from ..resources import Resources
from ..serve.app import create_app
from ..serve.guard import Access
from ..serve.limits import Limits
from ..serve.scratch import scratch_folder
from ..serve.server import BACKLOG, address, run
from ..serve.service import Service, Shelf
from .events import SILENT, Events

DEFAULT_WORKERS = 2


@dataclass(frozen=True, slots=True)
class Offers:
    """Beside the run: a detector's folder, a file of embeddings, a folder whose files may be named."""

    detector: Path | None = None
    embeddings: Path | None = None
    root: Path | None = None


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """How a run is served. `workers` requests, each with a decoding process, are at work at one time."""

    access: Access = field(default_factory=Access)
    limits: Limits = field(default_factory=Limits)
    offers: Offers = field(default_factory=Offers)
    workers: int = DEFAULT_WORKERS


def serve_run(
    folder: str | Path,
    listening: socket.socket,
    *,
    options: ServeOptions,
    resources: Resources | None = None,
    events: Events = SILENT,
) -> None:
    """Serve a run at a socket until a signal ends it.

    Raises `UsageError` for what is no run, or a detector or embeddings of another one; `WorkError` where no
    decoding process starts.
    """
    events.step(f"loading {folder}")
    loaded = load(folder, resources)
    shelf = _shelf(loaded, options.offers)
    with (
        scratch_folder() as scratch,
        Service(loaded, scratch, limits=options.limits, shelf=shelf, workers=options.workers) as service,
    ):
        service.warm()
        listening.listen(BACKLOG)
        events.step(f"serving {folder} at {address(listening)}; Ctrl-C ends it")
        run(create_app(service, scratch, options.access), listening)


def _shelf(loaded: LoadedRun, offers: Offers) -> Shelf:
    fingerprint = loaded.fingerprint
    detector: Detector | None = None
    embeddings: Path | None = None
    if offers.detector is not None:
        detector = load_detector(local_folder(offers.detector))
        _check_same(detector.fingerprint, fingerprint, f"--detector {offers.detector}", "fit it on this run")
    if offers.embeddings is not None:
        embeddings = local(as_path(offers.embeddings))
        made_by = open_embeddings(embeddings).fingerprint
        _check_same(made_by, fingerprint, f"--embeddings {offers.embeddings}", "embed with this run")
    return Shelf(detector, embeddings, offers.root)


def _check_same(found: str, wanted: str, what: str, cure: str) -> None:
    if found != wanted:
        raise UsageError(f"{what} is of another run; {cure}")
