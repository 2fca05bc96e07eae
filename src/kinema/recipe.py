"""A recipe: streams + temporal model + fusion + classifier + training + protocol, as frozen, validated data.

YAML in (`load_recipe`), resolved YAML out (`Recipe.to_yaml`). Unknown keys, wrong types and impossible
combinations are refused with the key's path and the allowed values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from .errors import UsageError

Count = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FirstN(_Part):
    """The first `frames` frames; a shorter video is filled up by `policy`."""

    kind: Literal["first_n"]
    frames: Count
    policy: Literal["repeat_last", "wrap", "error"] = "repeat_last"


class Uniform(_Part):
    """`frames` frames at equal distances over the whole video."""

    kind: Literal["uniform"]
    frames: Count
    policy: Literal["repeat_last", "error"] = "repeat_last"


class Jump(_Part):
    """Every `every`-th frame, starting with the first; at most `max_frames`."""

    kind: Literal["jump"]
    every: Count
    max_frames: Count | None = None


class Rate(_Part):
    """`fps` frames per second of video time: a file and a camera mean the same."""

    kind: Literal["rate"]
    fps: Annotated[float, Field(gt=0)]
    max_frames: Count | None = None


class Segments(_Part):
    """Non-overlapping segments of `length` frames; a short last one is filled up by `policy`."""

    kind: Literal["segments"]
    length: Count
    policy: Literal["repeat_last", "wrap", "error"] = "repeat_last"
    max_segments: Count | None = None


class Windows(_Part):
    """Windows of `length` frames, one every `stride` frames."""

    kind: Literal["windows"]
    length: Count
    stride: Count
    policy: Literal["repeat_last", "wrap", "error"] = "repeat_last"


class Adaptive(_Part):
    """At most `frames` samples of the first `seconds`, more where `motion` is larger (three-stream paper)."""

    kind: Literal["adaptive"]
    frames: Count
    seconds: Annotated[float, Field(gt=0)]
    stretches: Count = 12
    motion: Literal["flow", "difference"] = "flow"


Sampling = Annotated[
    FirstN | Uniform | Jump | Rate | Segments | Windows | Adaptive, Field(discriminator="kind")
]


class Augment(_Part):
    """Extra versions of each TRAINING frame; the same random choice for every frame of one version.

    `copies` versions are computed once and stored; with `on_the_fly` each epoch sees a new version instead,
    at the price of running the backbone in every epoch.
    """

    rotate: Annotated[float, Field(ge=0, le=180)] = 0.0
    crop: Literal["none", "random"] = "none"
    flip: Annotated[float, Field(ge=0, le=1)] = 0.0
    copies: Annotated[int, Field(ge=0)] = 0
    on_the_fly: bool = False

    @model_validator(mode="after")
    def _check(self) -> Augment:
        if self.on_the_fly and self.copies:
            raise ValueError("`on_the_fly: true` stores no versions; set copies: 0")
        return self


class Stream(_Part):
    """Everything that turns a video into a feature sequence [T, D].

    `standardize` brings features to mean 0 and spread 1 over the training videos, ahead of the temporal
    model. Left open it is true where `weights` is none and the backbone is not trained.
    """

    input: Literal["rgb", "flow", "audio"]
    backbone: str | tuple[str, ...]
    weights: str = "none"
    features: str | None = None
    sampling: Sampling | None = None
    crop: Literal["stretch", "center"] | None = None
    method: Literal["tvl1", "raft_small", "raft_large", "flownet2"] | None = None
    flow_weights: Literal["published", "none"] = "published"
    clip_px: Annotated[float, Field(gt=0)] = 20.0
    stack: Count | None = None
    max_seconds: Annotated[float, Field(gt=0)] | None = None
    augment: Augment | None = None
    train_blocks: Annotated[int, Field(ge=0)] = 0
    batch_norm: Literal["eval", "train"] = "eval"
    standardize: bool | None = None

    @property
    def backbones(self) -> tuple[str, ...]:
        """The backbones whose features are joined per step, as a tuple even where there is one."""
        return (self.backbone,) if isinstance(self.backbone, str) else self.backbone

    @property
    def can_standardize(self) -> bool:
        """Whether the temporal stage reads stored features, whose mean and spread can be taken first."""
        return not self.train_blocks and not (self.augment and self.augment.on_the_fly)

    @model_validator(mode="after")
    def _check(self) -> Stream:
        if self.standardize and not self.can_standardize:
            raise ValueError("`standardize` is for features of a frozen backbone, computed ahead of training")
        if self.input == "audio":
            if self.sampling is not None:
                raise ValueError("audio has a fixed grid of log-mel examples: leave `sampling` out")
        elif self.sampling is None:
            raise ValueError(f"`sampling` is needed for {self.input} input")
        if (self.method is not None) != (self.input == "flow"):
            raise ValueError("`method` belongs to flow input, and flow input needs it: tvl1, raft_small, ...")
        if self.max_seconds is not None and self.input != "audio":
            raise ValueError("`max_seconds` bounds sound; `sampling` says what is seen of the pictures")
        if self.input != "rgb" and self.augment is not None:
            raise ValueError("`augment` is for rgb input")
        return self


class Encoder(_Part):
    """Fully connected layers (ReLU) applied to every step before the temporal model; trained."""

    layers: Annotated[tuple[Count, ...], Field(min_length=1)]
    dropout: Fraction = 0.0


class Temporal(_Part):
    """[B, T, D] -> embedding. `pool: none` keeps every step (for `classifier.per_step`)."""

    cell: Literal["gru", "lstm", "mean"] = "gru"
    reset: Literal["before", "after"] = "after"
    layers: Count = 1
    units: Count = 256
    bidirectional: bool = False
    pool: Literal["last", "mean", "none"] = "last"
    activation: Literal["tanh", "relu"] = "tanh"
    attention: bool = False
    dropout: Fraction = 0.0


class Fusion(_Part):
    """How the streams' embeddings meet. `alpha` is the weight of the first stream."""

    kind: Literal["weighted_average", "average", "concat", "concat_svm"]
    alpha: Literal["learned"] | Annotated[float, Field(ge=0, le=1)] = "learned"
    svm_l2: Annotated[float, Field(gt=0)] = 1.0e-2


class Classifier(_Part):
    """Embedding -> class scores. `per_step` scores every step; `vote` joins them into the video's tag."""

    activation: Literal["softmax", "sigmoid"] = "softmax"
    hidden: Count | None = None
    per_step: bool = False
    vote: Literal["majority", "mean"] | None = None


class Schedule(_Part):
    """Learning-rate schedule: `step` every `every` epochs, or `plateau` after `every` epochs without gain."""

    kind: Literal["step", "plateau", "cosine"]
    every: Count = 30
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.1
    floor: Annotated[float, Field(ge=0)] = 0.0


class BackboneTraining(_Part):
    """The backbone stage: the last `train_blocks` blocks of a stream's backbone, before the temporal stage.

    `unit: clip` classifies single clips, `clips_per_video` of each video, by a dense layer of its own (the
    three-stream paper's motion CNN); `unit: video` trains backbone and temporal model together.
    """

    unit: Literal["clip", "video"] = "video"
    clips_per_video: Count = 4
    optimizer: Literal["adam", "sgd", "rmsprop"] = "adam"
    lr: Annotated[float, Field(gt=0)] = 1.0e-3
    epochs: Count = 5
    batch: Count = 4
    schedule: Schedule | None = None


class Training(_Part):
    """Optimiser, schedule and stopping of the temporal stage, plus what all stages share."""

    optimizer: Literal["rmsprop", "adam", "sgd"] = "adam"
    lr: Annotated[float, Field(gt=0)] = 1.0e-3
    momentum: Fraction = 0.0
    nesterov: bool = False
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    epochs: Count = 30
    batch: Count = 32
    schedule: Schedule | None = None
    stop_after: Count | None = None
    clip_norm: Annotated[float, Field(gt=0)] | None = None
    class_balance: Literal["none", "weights", "sampler"] = "none"
    stages: Literal["joint", "separate"] = "joint"
    backbone: BackboneTraining | None = None
    val_fraction: Annotated[float, Field(ge=0, lt=0.9)] = 0.0
    keep: Literal["last", "best"] = "last"
    seed: int = 0

    @model_validator(mode="after")
    def _check(self) -> Training:
        if self.nesterov and (self.optimizer != "sgd" or self.momentum == 0):
            raise ValueError("`nesterov` needs optimizer: sgd and momentum > 0")
        return self


class Data(_Part):
    """What the recipe assumes of the data: the number of classes used for counting parameters."""

    classes: Annotated[int, Field(ge=2)] = 101


class Protocol(_Part):
    """How accuracy is measured. `seeds` repeats the whole and gives mean and standard deviation."""

    kind: Literal["split", "official_splits", "leave_one_group_out", "people", "random_and_group"] = "split"
    test_fraction: Annotated[float, Field(gt=0, lt=0.9)] = 0.25
    folds: Count | None = None
    seeds: Count = 1


class PaperCount(_Part):
    """A parameter count that follows from the paper, and the setting it belongs to."""

    classes: int
    cell: Literal["gru", "lstm"]
    layers: int
    units: int
    trainable_parameters: int


class Paper(_Part):
    """Where a recipe comes from."""

    title: str
    doi: str | None = None
    counts: tuple[PaperCount, ...] = ()


class Recipe(_Part):
    """One complete recogniser as data."""

    name: str
    summary: str = ""
    paper: Paper | None = None
    notes: tuple[str, ...] = ()
    data: Data = Data()
    streams: Annotated[dict[str, Stream], Field(min_length=1)]
    encoder: Encoder | None = None
    temporal: Temporal = Temporal()
    fusion: Fusion | None = None
    classifier: Classifier = Classifier()
    training: Training = Training()
    protocol: Protocol = Protocol()

    @model_validator(mode="after")
    def _check(self) -> Recipe:
        if len(self.streams) > 1 and self.fusion is None:
            raise ValueError("several streams need `fusion`: weighted_average, average, concat or concat_svm")
        if self.fusion is not None and self.fusion.kind == "weighted_average" and len(self.streams) > 2:
            raise ValueError(
                "`fusion.kind: weighted_average` joins two streams; use average, concat or concat_svm"
            )
        if self.classifier.per_step != (self.temporal.pool == "none"):
            raise ValueError("`classifier.per_step: true` and `temporal.pool: none` go together")
        if self.classifier.per_step != (self.classifier.vote is not None):
            raise ValueError("`classifier.vote` (majority or mean) is for `classifier.per_step: true`")
        if len(self.streams) > 1 and any(s.augment and s.augment.on_the_fly for s in self.streams.values()):
            raise ValueError("`augment.on_the_fly` works with one stream")
        if self.classifier.per_step and len(self.streams) > 1:
            raise ValueError("`classifier.per_step` works with one stream")
        separate = self.training.stages == "separate"
        if self.fusion is not None and self.fusion.kind == "concat_svm" and not separate:
            raise ValueError("`fusion.kind: concat_svm` needs `training.stages: separate`")
        if separate and (self.fusion is None or self.fusion.kind != "concat_svm"):
            raise ValueError("`training.stages: separate` needs `fusion.kind: concat_svm`")
        return self

    @property
    def paper_count(self) -> int | None:
        """The paper's trainable parameters for exactly this setting, if it has one."""
        setting = (self.data.classes, self.temporal.cell, self.temporal.layers, self.temporal.units)
        counts = self.paper.counts if self.paper else ()
        found = [c.trainable_parameters for c in counts if (c.classes, c.cell, c.layers, c.units) == setting]
        return found[0] if found else None

    def to_yaml(self) -> str:
        """The resolved recipe, every default written out; `load_recipe` reads it back to an equal one."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def recipe_names() -> list[str]:
    """Names of the recipes that ship with Kinema, sorted."""
    folder = resources.files("kinema") / "recipes"
    return sorted(f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith(".yaml"))


def load_recipe(recipe: str | Path | Mapping[str, Any] | Recipe, overrides: Iterable[str] = ()) -> Recipe:
    """A recipe by name, from a YAML file or from plain data, with `key.path=value` overrides applied.

    Raises `UsageError` with the key's path and the allowed values.
    """
    if isinstance(recipe, Recipe):
        raw = recipe.model_dump(mode="json")
    elif isinstance(recipe, Mapping):
        raw = yaml.safe_load(yaml.safe_dump(dict(recipe)))
    else:
        raw = _read(recipe)
    for override in overrides:
        _override(raw, override)
    if isinstance(raw.get("streams"), dict):  # `--set streams.rgb=null` leaves a stream out
        raw["streams"] = {name: stream for name, stream in raw["streams"].items() if stream is not None}
    try:
        return Recipe.model_validate(raw)
    except ValidationError as error:
        raise UsageError(f"recipe {raw.get('name', recipe)!s}: {_explain(error)}") from None


def _read(recipe: str | Path) -> dict[str, Any]:
    name = str(recipe)
    if name in recipe_names():
        text = (resources.files("kinema") / "recipes" / f"{name}.yaml").read_text(encoding="utf-8")
    elif Path(name).suffix in {".yaml", ".yml"}:
        try:
            text = Path(name).read_text(encoding="utf-8")
        except OSError as error:
            raise UsageError(f"cannot read recipe file {name}: {error.strerror}") from None
    else:
        raise UsageError(
            f"unknown recipe '{name}'; choose one of {', '.join(recipe_names())}, or give a .yaml file"
        )
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"recipe {name} is not valid YAML: {error}") from None
    if not isinstance(raw, dict):
        raise UsageError(f"recipe {name} must be a mapping with `streams`; see `kinema recipes lite`")
    return raw


def _override(raw: dict[str, Any], override: str) -> None:
    path, sign, text = override.partition("=")
    if not sign or not path:
        raise UsageError(f"--set {override}: write it as key.path=value, for example temporal.units=512")
    *parents, last = path.split(".")
    node = raw
    for key in parents:
        child = node.get(key)
        if child is None:
            child = node[key] = {}
        if not isinstance(child, dict):
            raise UsageError(f"--set {override}: '{key}' is a value, not a section")
        node = child
    node[last] = _value(text, override)


def _value(text: str, override: str) -> Any:
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise UsageError(f"--set {override}: the value is not valid YAML") from None
    if isinstance(value, str):  # YAML 1.1 reads 1e-3 as text
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _explain(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    # Behind `sampling` the path holds the kind that was chosen, which is no key.
    keys = [p for i, p in enumerate(first["loc"]) if i == 0 or first["loc"][i - 1] != "sampling"]
    where = ".".join(str(p) for p in keys) or "recipe"
    if first["type"] == "extra_forbidden":
        return f"unknown key '{where}'; {_allowed(first['loc'])}"
    message = first["msg"].removeprefix("Value error, ")
    given = first.get("input")
    shown = f", got {given!r}" if isinstance(given, str | int | float | bool) else ""
    return f"{where}: {message}{shown}"


def _allowed(loc: tuple[int | str, ...]) -> str:
    """The keys that are allowed beside an unknown one, found by walking the models along its path."""
    models: list[type[BaseModel]] = [Recipe]
    for key in loc[:-1]:
        found: list[type[BaseModel]] = []
        for model in models:
            if key in model.model_fields:
                found += _models_in(model.model_fields[str(key)].annotation)
            elif model.model_fields.get("kind") and key == _kind_of(model):
                found.append(model)
        models = found or models
    names = sorted({name for model in models for name in model.model_fields})
    return f"allowed here: {', '.join(names)}"


def _kind_of(model: type[BaseModel]) -> str | None:
    values = get_args(model.model_fields["kind"].annotation)
    return str(values[0]) if len(values) == 1 else None


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for a in getattr(annotation, "__args__", ()) for m in _models_in(a)]
