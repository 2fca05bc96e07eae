"""From records to stored features: digests, extraction of every stream, and the items that remain."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import WorkError
from ..extraction.engine import ExtractReport, digest_records, extract, items_of
from ..features.keys import video_key
from ..features.store import FeatureStore
from ..model.items import FeatureItem
from ..pipeline import StreamParts, default_workers
from ..types import VideoRecord
from .events import SILENT, Events


@dataclass(slots=True)
class Extracted:
    """Records whose features are all in the store, and what became of the others.

    `quarantined` holds (file name, reason), one entry per file.
    """

    records: list[VideoRecord]
    digests: dict[Path, str]
    store: FeatureStore
    parts: Mapping[str, StreamParts]
    reports: dict[str, ExtractReport]
    quarantined: dict[str, str] = field(default_factory=dict)

    def key(self, record: VideoRecord, variant: int = 0) -> str:
        """The store key of a record."""
        return video_key(self.digests[record.path], record, variant)

    def items(
        self, records: Sequence[VideoRecord], labels: Sequence[str], variants: int = 0
    ) -> list[FeatureItem]:
        """Feature items of records: as they are first, then each augmented version of all of them."""
        index = {label: i for i, label in enumerate(labels)}
        items = []
        for variant in range(variants + 1):
            versions = {name: variant if part.spec.augment else 0 for name, part in self.parts.items()}
            shelves = {name: self.parts[name].shelf(self.store, v) for name, v in versions.items()}
            items += [
                FeatureItem(
                    {name: shelves[name].path(self.key(r, v)) for name, v in versions.items()},
                    index.get(r.label or "", -1),
                )
                for r in records
            ]
        return items


def default_features() -> Path:
    """Where features go unless told otherwise: `KINEMA_FEATURES`, else the user's cache folder."""
    chosen = os.environ.get("KINEMA_FEATURES")
    if chosen:
        return Path(chosen)
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "kinema" / "features"


def variants_of(parts: Mapping[str, StreamParts]) -> int:
    """Augmented versions of each training video."""
    return max((p.spec.augment.copies for p in parts.values() if p.spec.augment), default=0)


def extract_streams(
    records: Sequence[VideoRecord],
    parts: Mapping[str, StreamParts],
    features: str | Path | None,
    *,
    workers: int | None = None,
    device: str = "auto",
    events: Events = SILENT,
) -> Extracted:
    """Fill the store for every stream; quarantine what cannot be read. Raises `WorkError` if nothing can."""
    store = FeatureStore(features or default_features())
    events.step(f"reading {len({r.path for r in records})} files")
    digests, unreadable = digest_records(records)
    failures = [(r, "file", unreadable[r.path]) for r in records if r.path in unreadable]
    reports = {}
    # Flow first: it computes the motion profile that adaptive sampling of other streams then finds.
    for name in sorted(parts, key=lambda n: parts[n].spec.input != "flow"):
        reports[name] = _extract_stream(records, parts[name], digests, store, workers, device, events)
        failures += [(record, name, reason) for record, reason in reports[name].failed]
    seen = {(*_place(r), stream) for r in records for stream in (*parts, "file")}
    store.quarantine({(*_place(r), stream, reason) for r, stream, reason in failures}, seen)
    lost = {_place(r) for r, _, _ in failures}
    usable = [r for r in records if _place(r) not in lost]
    quarantined = {r.name: reason for r, _, reason in failures}
    if not usable:
        name, reason = next(iter(quarantined.items()), ("", "no files"))
        raise WorkError(
            f"no usable videos: all {len(quarantined)} files failed, {name}: {reason}; see `kinema scan`"
        )
    return Extracted(usable, digests, store, parts, {n: reports[n] for n in parts}, quarantined)


def _place(record: VideoRecord) -> tuple[str, str]:
    return os.path.abspath(record.path), record.part


def _extract_stream(
    records: Sequence[VideoRecord],
    part: StreamParts,
    digests: dict[Path, str],
    store: FeatureStore,
    workers: int | None,
    device: str,
    events: Events,
) -> ExtractReport:
    copies = part.spec.augment.copies if part.spec.augment else 0
    items = items_of(records, digests, lambda r: copies if r.split == "train" else 0)
    shelves = {v: part.shelf(store, v) for v in range(copies + 1)}
    missing = sum(i.key not in shelves[i.variant] for i in items)
    if not missing:
        events.step(f"stream {part.name}: all {len(items)} feature sequences are in the store")
        return ExtractReport(part.name, shelves[0].fingerprint, reused=len(items))
    events.step(
        f"stream {part.name}: extracting {missing} of {len(items)} ({', '.join(part.spec.backbones)})"
    )
    return extract(
        items,
        part.config,
        part.compute(device=device, threads=os.cpu_count()),
        store,
        lambda variant: shelves[variant],
        workers=workers or default_workers(part.config),
        progress=events.progress,
    )
