"""The table of backbones: one line each. Importing it, and reading a specification, imports no torch."""

from difflib import get_close_matches
from importlib import import_module
from types import ModuleType

from ..errors import UsageError
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


def backbone_module(name: str) -> ModuleType:
    """The module of one backbone. Raises `UsageError` with a suggestion and the list."""
    if name not in BACKBONES:
        close = get_close_matches(name, BACKBONES, n=1)
        hint = f"did you mean '{close[0]}'? " if close else ""
        raise UsageError(f"unknown backbone '{name}'; {hint}choose one of: {', '.join(BACKBONES)}")
    return import_module(BACKBONES[name])


def backbone_spec(name: str) -> BackboneSpec:
    """The specification of one backbone. Raises `UsageError` for an unknown name."""
    spec: BackboneSpec = backbone_module(name).SPEC
    return spec


def feature_dim(name: str, features: str | None = None) -> int:
    """Dimension of one step's features. Raises `UsageError` for an unknown backbone or variant."""
    spec = backbone_spec(name)
    return spec.features[spec.features_name(features)]
