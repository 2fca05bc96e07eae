"""What was extracted: the records whose features are in the store, and what became of the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..features.store import FeatureStore
from ..features.stored import read_sequence
from ..keys import video_key
from ..model.items import FeatureItem
from ..types import FeatureSequence, VideoRecord
from .extract import ExtractReport
from .loaded import LoadedStream


@dataclass(slots=True)
class Extracted:
    """Records whose features are all in the store. `quarantined` holds (file name, reason) of the others."""

    records: list[VideoRecord]
    digests: Mapping[Path, str]
    store: FeatureStore
    streams: Mapping[str, LoadedStream]
    reports: dict[str, ExtractReport]
    quarantined: dict[str, str] = field(default_factory=dict)

    def key(self, record: VideoRecord, variant: int = 0) -> str:
        """The store key of a record."""
        return video_key(self.digests[record.path], record, variant)

    def paths(self, record: VideoRecord) -> dict[str, Path]:
        """The feature file of every stream of a record."""
        return {n: s.shelf(self.store).path(self.key(record)) for n, s in self.streams.items()}

    def sequence(self, record: VideoRecord, stream: str) -> FeatureSequence:
        """The stored sequence of one stream. Raises `WorkError` where its file is damaged."""
        return read_sequence(self.streams[stream].shelf(self.store).path(self.key(record)))

    def computed(self) -> dict[str, Any]:
        """What computed the features, as metrics.json says it; `again` counts steps done again in fp32."""
        choice = next(iter(self.streams.values())).choice
        found = [stream.computed for stream in self.streams.values()]
        runtimes = sorted({runtime for of_stream, _ in found for runtime in of_stream})
        return {
            "device": choice.device,
            "precision": choice.precision,
            "runtime": " and ".join(runtimes),
            "again": sum(again for _, again in found),
        }

    def items(
        self, records: Sequence[VideoRecord], labels: Sequence[str], variants: int = 0
    ) -> list[FeatureItem]:
        """Feature items of records: as they are first, then each augmented version of all of them."""
        index = {label: i for i, label in enumerate(labels)}
        items = []
        for variant in range(variants + 1):
            versions = {name: variant if s.spec.copies else 0 for name, s in self.streams.items()}
            shelves = {name: self.streams[name].shelf(self.store, v) for name, v in versions.items()}
            items += [
                FeatureItem(
                    {name: shelves[name].path(self.key(r, v)) for name, v in versions.items()},
                    index.get(r.label or "", -1),
                    f"group {r.group}" if r.group is not None else f"file {r.path}",
                )
                for r in records
            ]
        return items
