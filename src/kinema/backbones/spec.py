"""What a backbone is, as plain data: its input, its features, its published weights. Imports no torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ..errors import UsageError
from ..weights.files import WeightFile

InputKind = Literal["frame", "clip", "flow_clip", "flow_stack", "logmel"]


@dataclass(frozen=True, slots=True)
class InputSpec:
    """What the source half of a stream delivers for one step; see `kinema.types.Clip`.

    | kind | array, without batch axis |
    |---|---|
    | frame | uint8 [H, W, 3], RGB |
    | clip | uint8 [L, H, W, 3], RGB |
    | flow_clip | float32 [L, H, W, 2], clipped and divided by the clipping bound: in [-1, 1] |
    | flow_stack | float32 [H, W, 2L], the same units, channels x1 y1 x2 y2 ... |
    | logmel | float32 [96, 64], time first |

    `size` is (H, W); None means any. `crop` is how a frame gets there unless the recipe says otherwise:
    `center` cuts the largest centred square, then resizes; `stretch` resizes both sides on their own.
    `length` is L where the backbone prefers one. Normalisation is the backbone's own work.
    """

    kind: InputKind
    size: tuple[int, int] | None = None
    crop: Literal["center", "stretch"] = "center"
    length: int | None = None

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
