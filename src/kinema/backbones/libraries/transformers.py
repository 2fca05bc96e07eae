"""`transformers/ORGANISATION/NAME`: video and image encoders of the Hugging Face Hub.

They need the extra `transformers`. The model is built by AutoModel from its own configuration, and its frames
are prepared as its own processor says. No code of a repository is ever run. Known models are in the
catalogue, with their configurations; that of any other is looked up as `kinema.weights.hub` says.
"""

from __future__ import annotations

import json
from difflib import get_close_matches
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import UsageError, WeightsError
from ...weights.files import WeightFile
from ...weights.hub import hub_file, local_file
from ..spec import BackboneSpec
from .catalogue import Row, catalogue, facts_of
from .entry import PUBLISHED, STANDS_FOR_PUBLISHED, Entry, Facts, unknown

if TYPE_CHECKING:
    from ..module import Backbone

LIBRARY = "transformers"
CONFIG = ("config.json",)
PROCESSORS = ("video_preprocessor_config.json", "preprocessor_config.json", "processor_config.json")
_INDEX = "model.safetensors.index.json"
_VALUES = ("model.safetensors", _INDEX, "pytorch_model.bin")


def entry(name: str) -> TransformersEntry:
    """The model `transformers/ORGANISATION/NAME`. Raises `UsageError` and `WeightsError`.

    Its own configuration counts where it is on this machine; else the catalogue's; else it is fetched.
    """
    known = catalogue(LIBRARY).get(name)
    here = local_file(name, CONFIG)
    if here is None and known is not None:
        return TransformersEntry(known)
    if "/" not in name:
        raise unknown(LIBRARY, name, catalogue(LIBRARY))
    path = here or _fetched_configuration(name)
    from .transformers_nets import row_of

    processor = local_file(name, PROCESSORS) or (hub_file(name, PROCESSORS) if here is None else None)
    if processor is None:
        if known is not None:
            return TransformersEntry(known)
        processor = hub_file(name, PROCESSORS)
    return TransformersEntry(row_of(name, path.parent, processor, known), path.parent)


def _fetched_configuration(name: str) -> Path:
    close = get_close_matches(name, catalogue(LIBRARY), n=1, cutoff=0.8)
    try:
        return hub_file(name, CONFIG)
    except WeightsError as error:
        hint = f"did you mean '{LIBRARY}/{close[0]}'? " if close else ""
        raise WeightsError(f"{hint}{error}") from None


def facts() -> list[Facts]:
    """Of the models in the catalogue."""
    return facts_of(LIBRARY)


@cache
def known_models() -> dict[str, dict[str, Any]]:
    """The catalogue's configurations: `config` and `processor` as in their files, and published facts."""
    file = resources.files("kinema.backbones") / "catalogue" / "transformers.json"
    found: dict[str, dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
    return found


class TransformersEntry(Entry):
    """An encoder of transformers, its tokens pooled."""

    def __init__(self, row: Row, folder: Path | None = None):
        self.repo, self.row, self.folder = row.name, row, folder
        files = (WeightFile(_VALUES[:1], licence=row.licence),)
        self.SPEC = BackboneSpec(
            name=f"{LIBRARY}/{row.name}",
            input=row.input,
            features={"pool": row.dim},
            weights=dict.fromkeys(STANDS_FOR_PUBLISHED, files),
            summary=f"{row.name.rpartition('/')[2]} of transformers",
        )

    def build(self, features: str | None = None) -> Backbone:
        """The model, random values."""
        self.SPEC.features_name(features)
        from .nets import wrapped
        from .transformers_nets import built, configuration

        config = configuration(self.folder or known_models()[self.repo]["config"])
        return wrapped(built(config, self.SPEC.name), self.SPEC)

    def load(self, folder: Path | None, download: bool, advice: str) -> tuple[Backbone, Path]:
        """The published values, nothing missing, and nothing left over but what other tasks have on top."""
        self.SPEC.weight_files(PUBLISHED)
        where: dict[str, Any] = {"folder": folder, "download": download, "advice": advice}
        config = hub_file(self.repo, CONFIG, **where).parent
        processor = hub_file(self.repo, PROCESSORS, **where)
        path = hub_file(self.repo, _VALUES, **where)
        if path.name == _INDEX:
            index = json.loads(path.read_text(encoding="utf-8"))
            for shard in sorted(set(index["weight_map"].values())):
                hub_file(self.repo, (shard,), **where)
        from .nets import wrapped
        from .transformers_nets import configuration, filled, row_of

        found = row_of(self.repo, config, processor, self.row)
        if (found.input, found.dim) != (self.row.input, self.row.dim):
            raise WeightsError(
                f"the configuration of {self.SPEC.name} at {config} is another than this recipe was checked "
                "with; start again: it is the one that counts now"
            )
        return wrapped(filled(configuration(config), path, self.SPEC.name), self.SPEC), path


def not_a_backbone(name: str, reason: str) -> UsageError:
    """The error for models that take no frames or give no features."""
    return UsageError(f"{name} {reason}; choose a video or image encoder (`kinema backbones` lists some)")
