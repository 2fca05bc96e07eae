"""What every verb is given: resources, whom to tell, and what is known of the files so far."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ..datasets import Dataset
from ..extraction.extract import digest_files
from ..features.store import FeatureStore, default_features
from ..resources import Resources
from ..streams.fields import FLOW_FOLDER
from ..types import VideoRecord
from .events import SILENT, Events


@dataclass(slots=True)
class Context:
    """One job's surroundings. Every file is hashed once, however many rounds and stages ask for it."""

    resources: Resources = field(default_factory=Resources)
    events: Events = SILENT
    _digests: dict[Path, str] = field(default_factory=dict)
    _unreadable: dict[Path, str] = field(default_factory=dict)
    _store: FeatureStore | None = None

    @property
    def store(self) -> FeatureStore:
        """The feature store. Raises `UsageError` where it cannot be written to."""
        if self._store is None:
            self._store = FeatureStore(self.resources.features or default_features())
        return self._store

    def digests(self, records: Iterable[VideoRecord]) -> dict[Path, str]:
        """Content digests of the files of these records; those that cannot be read have none."""
        unknown = {r.path for r in records} - self._digests.keys() - self._unreadable.keys()
        if unknown:
            self.events.step(f"reading {len(unknown)} files")
            found, unreadable = digest_files(unknown)
            self._digests |= found
            self._unreadable |= unreadable
        return self._digests

    def identified(self, dataset: Dataset) -> Dataset:
        """The dataset whose records carry the content of their files, where they can be read."""
        return dataset.with_contents(self.digests(dataset.records))

    def unreadable(self, record: VideoRecord) -> str | None:
        """Why a file could not be hashed, or None."""
        return self._unreadable.get(record.path)

    def drop_flow(self) -> None:
        """Remove the flow fields that a backbone stage kept for the extraction behind it."""
        if self._store is not None:
            shutil.rmtree(self._store.root / FLOW_FOLDER, ignore_errors=True)
