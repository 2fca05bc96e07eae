"""What every verb is given: resources, whom to tell, what is known of the files; a training's own options."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..datasets import Dataset
from ..datasets.dataset import counted
from ..errors import UsageError
from ..extraction.identify import Contents, Identified
from ..features.digests import Digests
from ..features.store import FeatureStore, default_features
from ..resources import Resources
from ..training.ranks import ALONE, Ranks
from ..types import VideoRecord
from .events import SILENT, Events
from .memory import PeakMemory

if TYPE_CHECKING:
    from ..extraction.cluster.driver import Cluster

TASKS = ("auto", "clips", "timeline")
# Also the names of the packages that they need.
LOGGERS = ("tensorboard", "mlflow", "wandb")
# Groups of classes whose accuracy is given by itself, by name.
Subsets = Mapping[str, Sequence[str]]
Data = TypeVar("Data", bound=Dataset)
TELL_EVERY = 1000  # files, where each takes next to nothing


@dataclass
class Context:
    """One job's surroundings. Every file is hashed once, however many rounds and stages ask for it."""

    resources: Resources = field(default_factory=Resources)
    events: Events = SILENT
    contents: Contents = field(default_factory=Contents)
    memory: PeakMemory = field(default_factory=PeakMemory)
    cluster: Cluster | None = None  # what extracts, in place of this machine
    ranks: Ranks = ALONE  # the processes that train together

    @cached_property
    def store(self) -> FeatureStore:
        """The feature store. Raises `UsageError` where it cannot be written to."""
        return FeatureStore(self.resources.features or default_features())

    @cached_property
    def remembered(self) -> Digests:
        """The digests that the store remembers."""
        return Digests(self.store.root)

    def digests(self, records: Iterable[VideoRecord]) -> dict[Path, str]:
        """Content digests of the files of these records; those that cannot be read have none."""
        unknown = {r.path: r for r in records if r.path not in self.contents}
        if unknown:
            self.events.step(f"reading {counted(len(unknown), 'file')}")
            self.contents = self.ranks.from_first(lambda: self._read(unknown.values()))
        return self.contents.digests

    def _read(self, records: Collection[VideoRecord]) -> Contents:
        identified = self.identifying(records)
        try:
            for number, _ in enumerate(identified.read(), start=1):
                if not number % TELL_EVERY:
                    self.events.progress(number, len(records))
        finally:
            identified.stop()
        return self.contents

    def identifying(self, records: Iterable[VideoRecord]) -> Identified:
        """The records as they come, each when the content of its file is known; `stop` it in the end."""
        return Identified(records, self.contents, self.remembered)

    def identified(self, dataset: Data) -> Data:
        """The dataset whose records carry the content of their files, where they can be read."""
        return dataset.with_contents(self.digests(dataset.records))


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """How the data is read, whether a run that is there is replaced, and which classes are scored apart.

    task: clips, timeline, or auto: the one that the recipe is for.
    devices, nodes: processes that train together, on each of so many machines; see `kinema.training.ranks`.
    logger: tensorboard, mlflow or wandb, told of every epoch as well. Raises `UsageError` for another name
    and where its package is not there.
    """

    layout: str = "auto"
    split: int = 1
    overwrite: bool = False
    subsets: Subsets | None = None
    logger: str | None = None
    task: str = "auto"
    devices: int = 1
    nodes: int = 1

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise UsageError(f"unknown task '{self.task}'; use {', '.join(TASKS)}")
        if self.logger is None:
            return
        if self.logger not in LOGGERS:
            raise UsageError(f"unknown logger '{self.logger}'; use {', '.join(LOGGERS)}")
        if find_spec(self.logger) is None:
            raise UsageError(
                f"logger {self.logger} needs a package that is not here; pip install 'kinema[{self.logger}]'"
            )


@dataclass(slots=True)
class TrainResult:
    """A finished run: its folder, metrics.json's content, and the warnings shown in the report.

    `first`: whether this process, of those that trained together, is the one that wrote it and tells of it.
    """

    run: Path
    metrics: dict[str, Any]
    warnings: list[str] = field(default_factory=list)
    first: bool = True
