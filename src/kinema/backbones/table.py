"""The table of backbones: one line each. Importing it, and reading a specification, imports no torch."""

from functools import cache
from importlib import import_module
from typing import Any

from ..errors import UsageError, nearest
from ..plugins import load_plugin, plugin_names
from .libraries.entry import LIBRARIES, library_entry, library_of
from .spec import BackboneSpec

# A module holds SPEC and build(features); where a variant of the features needs a second file, also
# second_state(path).
BACKBONES: dict[str, str] = {
    "vgg16": "kinema.backbones.vgg16",
    "mobilenet_v2": "kinema.backbones.mobilenet_v2",
    "mobilenet_v2_motion": "kinema.backbones.mobilenet_v2_motion",
    "small_cnn": "kinema.backbones.small_cnn",
    "googlenet": "kinema.backbones.googlenet",
    "resnet152": "kinema.backbones.resnet152",
    "inception_resnet_v2": "kinema.backbones.inception_resnet_v2",
    "i3d_rgb": "kinema.backbones.i3d_rgb",
    "i3d_flow": "kinema.backbones.i3d_flow",
    "small_flow_cnn": "kinema.backbones.small_flow_cnn",
    "motion_cnn": "kinema.backbones.motion_cnn",
    "vggish": "kinema.backbones.vggish",
    "yamnet": "kinema.backbones.yamnet",
}


def backbone_names() -> list[str]:
    """The backbones of the table, and those that other packages declare (see `kinema.plugins`)."""
    return [*BACKBONES, *(name for name in plugin_names("backbones") if name not in BACKBONES)]


def backbone_module(name: str) -> Any:
    """What declares one backbone: its module, or the entry of a library's model (`timm/NAME`).

    Raises `UsageError` with a suggestion and the list.
    """
    if library_of(name):
        return _library_entry(name)
    if name in BACKBONES:
        return import_module(BACKBONES[name])
    names = backbone_names()
    if name in names:
        return load_plugin("backbones", name)
    near = nearest(name, names)
    libraries = ", ".join(f"{library}/NAME" for library in LIBRARIES)
    raise UsageError(f"unknown backbone '{name}'; {near}choose one of: {', '.join(names)}, or {libraries}")


@cache
def _library_entry(name: str) -> Any:
    return library_entry(name)


def backbone_spec(name: str) -> BackboneSpec:
    """The specification of one backbone. Raises `UsageError` for an unknown name."""
    spec: BackboneSpec = backbone_module(name).SPEC
    return spec


def feature_dim(name: str, features: str | None = None) -> int:
    """Dimension of one step's features. Raises `UsageError` for an unknown backbone or variant."""
    spec = backbone_spec(name)
    return spec.features[spec.features_name(features)]
