"""Extraction on a cluster, where a verb was given one; on this machine otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from ..buckets import as_path
from ..resources import Resources
from ..types import VideoRecord
from .context import Context
from .events import Events

if TYPE_CHECKING:
    from ..extraction.engine import Compute
    from ..extraction.extract import Elsewhere
    from ..extraction.loaded import LoadedStream
    from ..inference.predictor import LoadedRun


@contextmanager
def context_on(cluster: str | None, resources: Resources, events: Events) -> Iterator[Context]:
    """A verb's context, connected to a cluster where one is named.

    Raises `UsageError` within seconds where it cannot be reached, and where Ray is not installed.
    """
    if cluster is None:
        yield Context(resources, events)
        return
    from ..extraction.cluster.connect import check_address, connected

    check_address(cluster)
    if resources.features is not None:  # every machine has a working folder of its own
        resources = replace(resources, features=as_path(resources.features).absolute())
    events.step("starting Ray on this machine" if cluster == "local" else "connecting to the cluster")
    with connected(cluster):
        from ..extraction.cluster.driver import Cluster

        yield Context(resources, events, cluster=Cluster(resources, events.warn))


def fitted_run(loaded: LoadedRun, context: Context) -> LoadedRun:
    """A run with what the context's cluster computes its streams by; without one, as it is."""
    if context.cluster is None:
        return loaded
    return replace(loaded, streams=context.cluster.fitted(loaded.streams, own=True))


@contextmanager
def computing(
    streams: Mapping[str, LoadedStream], records: Iterable[VideoRecord], context: Context
) -> Iterator[Callable[[LoadedStream], Compute | Elsewhere]]:
    """What computes each stream: its backbones here, or the machines of the context's cluster."""
    if context.cluster is None:
        yield lambda stream: stream.compute
        return
    shared = None if context.store.in_bucket else context.store.root
    with context.cluster.computing(streams, next(iter(records)), shared) as remote_of:
        yield remote_of
