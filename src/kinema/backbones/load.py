"""A backbone, ready to use: found in the table, built, filled with published or seeded random values."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..weights.find import find_weights
from ..weights.read import fill, read_state, state_digest
from .libraries.entry import Entry
from .module import Backbone
from .random_init import initialise
from .spec import BackboneSpec
from .table import backbone_module


@dataclass(frozen=True, slots=True)
class LoadedBackbone:
    """A frozen backbone in evaluation mode.

    `digest` is the sha256 of its values by name (for seeded random values: of those before calibration,
    so that it is the same on every machine); `source` says where they came from, for people.
    """

    module: Backbone
    spec: BackboneSpec
    features: str
    dim: int
    digest: str
    source: str


def load_backbone(
    name: str,
    *,
    features: str | None = None,
    weights: str = "imagenet",
    folder: Path | None = None,
    download: bool = True,
    advice: str = "",
    stack: int | None = None,
    seed: int = 0,
) -> LoadedBackbone:
    """Load backbone `name`; `weights` is one of its published sets, or `none` for seeded random values.
    `stack` is the number of fields of networks on flow stacks, whose default it replaces.

    `folder`, `download` and `advice` say where files are looked up, as in `find_weights`. Raises `UsageError`
    for unknown names and `WeightsError` for files that are absent, damaged or of another network.
    """
    entry = backbone_module(name)
    spec: BackboneSpec = entry.SPEC
    chosen = spec.features_name(features)
    options: dict[str, Any] = {"stack": stack} if stack else {}
    if weights == "none":
        source = f"random, seed {seed}"
        module = entry.build(chosen, **options)
        start = getattr(entry, "initialise", initialise)
        digest = start(module, replace(spec.input, length=stack or spec.input.length), seed)
    elif isinstance(entry, Entry):
        spec.weight_files(weights)
        module, path = entry.load(folder, download, advice)
        digest, source = state_digest(module.state_dict()), str(path)
    else:
        where: dict[str, Any] = {"folder": folder, "download": download, "advice": advice}
        path, published = find_weights(name, spec.weight_files(weights), **where)
        source = str(path)
        if published.variant:
            options["variant"] = published.variant
        module = entry.build(chosen, **options)
        needed = {k: v for k, v in read_state(path).items() if not k.startswith(spec.classifier)}
        state = module.converted(needed)
        if chosen in spec.second_files:
            second, _ = find_weights(name, (spec.second_files[chosen],), **where)
            state |= entry.second_state(second)
        fill(module, state, f"{name} from {path}")
        digest = state_digest(module.state_dict(), published.variant)
    module.requires_grad_(False).eval()
    return LoadedBackbone(module, spec, chosen, spec.features[chosen], digest, source)
