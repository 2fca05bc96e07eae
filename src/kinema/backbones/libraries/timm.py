"""`timm/NAME`: any image model of timm, `NAME` being ARCHITECTURE.TAG, where the tag says which weights.

Size, crop, interpolation, mean and standard deviation are those of the model's own pretrained configuration;
the features are what its classifier is given, pooled as the model pools.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import WeightsError
from ...weights.files import WeightFile
from ...weights.find import find_weights
from ...weights.hub import hub_file, lying_in
from ..spec import BackboneSpec
from .catalogue import Row, catalogue, facts_of
from .entry import PUBLISHED, STANDS_FOR_PUBLISHED, Entry, Facts

if TYPE_CHECKING:
    from ..module import Backbone

LIBRARY = "timm"
_PICKLE = "pytorch_model.bin"


def entry(name: str) -> TimmEntry:
    """The model `timm/NAME`. A name that the catalogue lacks is looked up in timm, which takes seconds.

    Raises `UsageError` for an unknown name.
    """
    row = catalogue(LIBRARY).get(name)
    if row is None:
        from .timm_nets import row_of

        row = row_of(name)
    return TimmEntry(row)


def facts() -> list[Facts]:
    """Of every model in the catalogue."""
    return facts_of(LIBRARY)


class TimmEntry(Entry):
    """An image model of timm without its classifier."""

    def __init__(self, row: Row):
        self.model, self.source = row.name, row.source
        self.SPEC = BackboneSpec(
            name=f"{LIBRARY}/{row.name}",
            input=row.input,
            features={"pool": row.dim},
            weights=dict.fromkeys(STANDS_FOR_PUBLISHED, (self._file(row),)) if row.source else {},
            summary=f"{row.name.partition('.')[0]} of timm",
        )

    def build(self, features: str | None = None) -> Backbone:
        """The model, random values."""
        from .nets import wrapped
        from .timm_nets import create

        self.SPEC.features_name(features)
        return wrapped(create(self.model, num_classes=0), self.SPEC)

    def load(self, folder: Path | None, download: bool, advice: str) -> tuple[Backbone, Path]:
        """The published file, filled in by timm's own conversion, nothing missing and nothing left over."""
        from .nets import wrapped
        from .timm_nets import filled

        self.SPEC.weight_files(PUBLISHED)
        path = self._path(folder, download, advice)
        return wrapped(filled(self.model, path), self.SPEC), path

    def _path(self, folder: Path | None, download: bool, advice: str) -> Path:
        if found := lying_in(folder, (f"{self.model}.safetensors", f"{self.model}.pth")):
            return found
        repo, names = self._published()
        where: dict[str, Any] = {"folder": folder, "download": download, "advice": advice}
        if not names:
            path, _ = find_weights(self.SPEC.name, self.SPEC.weight_files(PUBLISHED), **where)
            return path
        return hub_file(repo, names, **where)

    def _published(self) -> tuple[str, tuple[str, ...]]:
        """The repository, and the names of its file, safetensors first; none where it is not on the hub."""
        if "://" in self.source:
            return "", ()
        repo, _, file = self.source.partition("#")
        file = file or _PICKLE
        stem = file.removesuffix(".bin").replace("pytorch_model", "model")
        safe = (f"{stem}.safetensors", file.replace(".bin", ".safetensors"))
        return repo, tuple(dict.fromkeys((*safe, file)))

    def _file(self, row: Row) -> WeightFile:
        if "://" in row.source:
            return WeightFile((row.source.rpartition("/")[2],), row.source, licence=row.licence)
        return WeightFile((f"{row.name}.safetensors",), licence=row.licence)


def no_weights(name: str, reason: str) -> WeightsError:
    """The error for values that do not fit a model."""
    return WeightsError(f"weights do not fit {LIBRARY}/{name}: {reason}; put the published file there")
