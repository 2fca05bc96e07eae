"""What a backbone is, as plain data: its input, its features, its published weights. Imports no torch."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ..errors import UsageError
from ..weights.files import WeightFile

InputKind = Literal["frame", "clip", "frame_flow", "flow_clip", "flow_stack", "logmel"]
Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos"]


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """A library's own way from a frame to the input of one of its models, by the model's configuration.

    The frame is resized to `resize`, the short side in pixels or (H, W); then the middle of the input's size
    is cut out. With `pad` the long side is resized, and borders of the mean's colour fill the rest.
    `antialias` False takes points of the frame, as torchvision's video transforms do. `mean` and `std` are
    those of R, G, B in [0, 1]; the network applies them, and they count here for the fingerprint.
    """

    resize: int | tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: Interpolation = "bilinear"
    antialias: bool = True
    pad: bool = False


@dataclass(frozen=True, slots=True)
class InputSpec:
    """What the source half of a stream delivers for one step; see `kinema.types.Clip`.

    | kind | array, without batch axis |
    |---|---|
    | frame | uint8 [H, W, 3], RGB |
    | clip | uint8 [L, H, W, 3], RGB |
    | frame_flow | float32 [H, W, 5]: R, G, B of a clip's middle frame, 0 to 255; flow x, y, see below |
    | flow_clip | float32 [L, H, W, 2], clipped and divided by the clipping bound: in [-1, 1] |
    | flow_stack | float32 [H, W, 2L], the same units, channels x1 y1 x2 y2 ... |
    | logmel | float32 [96, 64], time first |

    The flow of `frame_flow` is the displacement from the clip's first frame to its last, in pixels.

    `size` is (H, W); None means any. `crop` is how a frame gets there unless the recipe says otherwise:
    `center` cuts the largest centred square, then resizes; `stretch` resizes both sides on their own.
    `length` is L where the backbone prefers one, and where `fixed` takes no other; `least` and `multiple` are
    what others keep to. Normalisation is the backbone's own work. `preprocessing` is a library's own way to
    `size`; `own_crop` says that a recipe's `crop` replaces it.
    """

    kind: InputKind
    size: tuple[int, int] | None = None
    crop: Literal["center", "stretch"] = "center"
    length: int | None = None
    fixed: bool = False
    least: int = 1
    multiple: int = 1
    preprocessing: Preprocessing | None = None
    own_crop: bool = False

    @property
    def library_way(self) -> Preprocessing | None:
        """The library's own way to `size`, unless a recipe's crop replaces it."""
        return None if self.own_crop else self.preprocessing

    def describe(self) -> dict[str, Any]:
        """What becomes of a frame, as plain data, for the fingerprint."""
        plain: dict[str, Any] = {"kind": self.kind, "size": self.size, "crop": self.crop}
        if self.preprocessing is not None:
            plain |= {"preprocessing": asdict(self.preprocessing), "own_crop": self.own_crop}
        return plain

    def lengths(self) -> str:
        """The lengths that it takes, in words; empty where it takes any."""
        if self.fixed:
            return f"{self.length} frames"
        parts = [f"at least {self.least} frames"] if self.least > 1 else []
        parts += [f"a multiple of {self.multiple} frames"] if self.multiple > 1 else []
        return " and ".join(parts)

    def takes(self, length: int) -> bool:
        """Whether clips of `length` frames are among them."""
        if self.fixed:
            return length == self.length
        return length >= self.least and length % self.multiple == 0

    @property
    def dtype(self) -> str:
        """`uint8` for frames and clips, `float32` for flow and log-mel examples."""
        return "uint8" if self.kind in ("frame", "clip") else "float32"


@dataclass(frozen=True, slots=True)
class BackboneSpec:
    """A backbone's contract: what goes in, what comes out, where its values come from.

    `features` maps a variant's name to its dimension, the default first. `weights` maps a name that a
    recipe may use to the files that serve it, in order of preference; `none` is understood by all.
    `classifier` holds how the keys of published values begin that the features do not need.
    `second_files` names the variants of the features that need one more file.
    """

    name: str
    input: InputSpec
    features: Mapping[str, int]
    weights: Mapping[str, tuple[WeightFile, ...]] = field(default_factory=dict)
    classifier: tuple[str, ...] = ()
    second_files: Mapping[str, WeightFile] = field(default_factory=dict)
    summary: str = ""

    def features_name(self, features: str | None) -> str:
        """`features` checked, or the default's name. Raises `UsageError` with the allowed names."""
        if features is None:
            return next(iter(self.features))
        if features not in self.features:
            allowed = ", ".join(f"{name} ({dim}-d)" for name, dim in self.features.items())
            raise UsageError(f"{self.name} has no features '{features}'; choose one of: {allowed}")
        return features

    def weight_files(self, weights: str) -> tuple[WeightFile, ...]:
        """The files that serve `weights`. Raises `UsageError` with the allowed names."""
        if weights not in self.weights:
            allowed = ", ".join([*self.weights, "none"])
            raise UsageError(f"{self.name} has no weights '{weights}'; choose one of: {allowed}")
        return self.weights[weights]
