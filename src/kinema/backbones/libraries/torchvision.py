"""`torchvision/NAME`: its video models trained on Kinetics, and its image models.

`NAME` alone has the weights that torchvision calls its best; `NAME.WEIGHTS` those of another name, as
`resnet50.IMAGENET1K_V1`. The features are what the classifier is given, pooled.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import UsageError
from ...weights.files import WeightFile
from ...weights.find import find_weights
from ..spec import BackboneSpec
from .catalogue import Row, catalogue, facts_of
from .entry import PUBLISHED, STANDS_FOR_PUBLISHED, Entry, Facts, unknown

if TYPE_CHECKING:
    from ..module import Backbone

LIBRARY = "torchvision"


def entry(name: str) -> TorchvisionEntry:
    """The model `torchvision/NAME`. Raises `UsageError` for an unknown name."""
    row = catalogue(LIBRARY).get(name)
    if row is None:
        raise _absent(name)
    return TorchvisionEntry(row)


def facts() -> list[Facts]:
    """Of every model."""
    return facts_of(LIBRARY)


class TorchvisionEntry(Entry):
    """A classifier of torchvision without its last layer."""

    def __init__(self, row: Row):
        files = (WeightFile((row.source.rpartition("/")[2],), row.source, licence=row.licence),)
        self.model = row.name.partition(".")[0]
        self.SPEC = BackboneSpec(
            name=f"{LIBRARY}/{row.name}",
            input=row.input,
            features={"pool": row.dim},
            weights=dict.fromkeys(STANDS_FOR_PUBLISHED, files),
            summary=f"{self.model} of torchvision",
        )

    def build(self, features: str | None = None) -> Backbone:
        """The model, random values."""
        self.SPEC.features_name(features)
        return self._without_classifier(self._whole())

    def load(self, folder: Path | None, download: bool, advice: str) -> tuple[Backbone, Path]:
        """The published file, filled into the whole model: nothing is missing and nothing left over."""
        from ...weights.read import fill, read_state
        from .torchvision_nets import published_names

        files = self.SPEC.weight_files(PUBLISHED)
        path, _ = find_weights(self.SPEC.name, files, folder, download=download, advice=advice)
        net = self._whole()
        fill(net, published_names(self.model, read_state(path), net), f"{self.SPEC.name} from {path}")
        return self._without_classifier(net), path

    def _whole(self) -> Any:
        from torchvision import models

        size, options = self.SPEC.input.size, {}
        if self.model.startswith("vit_") and size:
            options = {"image_size": size[0]}
        elif self.model in ("googlenet", "inception_v3"):  # as torchvision builds them for its weights
            options = {"transform_input": True, "init_weights": False}
        return models.get_model(self.model, weights=None, **options)

    def _without_classifier(self, net: Any) -> Backbone:
        from .nets import wrapped
        from .torchvision_nets import without_classifier

        return wrapped(without_classifier(net, self.SPEC.name), self.SPEC)


def _absent(name: str) -> UsageError:
    known = catalogue(LIBRARY)
    model = name.partition(".")[0]
    if model != name and model in known:
        others = ", ".join(n for n in known if n.partition(".")[0] == model)
        return UsageError(f"torchvision has no weights of that name for '{model}'; choose one of: {others}")
    other = {"segmentation": ("deeplab", "fcn_", "lraspp"), "detection": ("rcnn", "retinanet", "ssd", "fcos")}
    other["optical flow"] = ("raft",)
    for task, words in other.items():
        if any(word in name for word in words):
            return UsageError(
                f"torchvision/{name} is a model of {task} and gives no pooled features; "
                "`kinema backbones` lists what does"
            )
    return unknown(LIBRARY, name, known)
