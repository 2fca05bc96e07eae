"""What every verb is given: resources, whom to tell, what is known of the files; a training's own options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..datasets import Dataset
from ..errors import UsageError
from ..extraction.extract import digest_files
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


@dataclass
class Context:
    """One job's surroundings. Every file is hashed once, however many rounds and stages ask for it."""

    resources: Resources = field(default_factory=Resources)
    events: Events = SILENT
    unreadable: dict[Path, str] = field(default_factory=dict)  # why a file could not be hashed
    memory: PeakMemory = field(default_factory=PeakMemory)
    cluster: Cluster | None = None  # what extracts, in place of this machine
    ranks: Ranks = ALONE  # the processes that train together
    _digests: dict[Path, str] = field(default_factory=dict)

    @cached_property
    def store(self) -> FeatureStore:
        """The feature store. Raises `UsageError` where it cannot be written to."""
        return FeatureStore(self.resources.features or default_features())

    def digests(self, records: Iterable[VideoRecord]) -> dict[Path, str]:
        """Content digests of the files of these records; those that cannot be read have none."""
        unknown = {r.path for r in records} - self._digests.keys() - self.unreadable.keys()
        if unknown:
            self.events.step(f"reading {len(unknown)} files")
            found, unreadable = self.ranks.from_first(lambda: digest_files(unknown))
            self._digests |= found
            self.unreadable |= unreadable
        return self._digests

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
