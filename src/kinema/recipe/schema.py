"""A recipe as frozen, validated data: streams, temporal model, fusion, classifier, training, protocol."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, field_validator, model_validator

from ..fusion import Fusion
from ..sampling.specs import Sampling
from ..settings import Count, Fraction, Settings
from ..temporal import Encoder, Gru, Temporal


class Augment(Settings):
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


class Stream(Settings):
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


class Classifier(Settings):
    """Embedding -> class scores. `per_step` scores every step; `vote` joins them into the video's tag."""

    activation: Literal["softmax", "sigmoid"] = "softmax"
    hidden: Count | None = None
    per_step: bool = False
    vote: Literal["majority", "mean"] | None = None


class Schedule(Settings):
    """Learning-rate schedule: `step` every `every` epochs, or `plateau` after `every` epochs without gain."""

    kind: Literal["step", "plateau", "cosine"]
    every: Count = 30
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.1
    floor: Annotated[float, Field(ge=0)] = 0.0


class BackboneTraining(Settings):
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


class Training(Settings):
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


class Data(Settings):
    """What the recipe assumes of the data: the number of classes used for counting parameters."""

    classes: Annotated[int, Field(ge=2)] = 101


class Protocol(Settings):
    """How accuracy is measured. `seeds` repeats the whole and gives mean and standard deviation."""

    kind: Literal["split", "official_splits", "leave_one_group_out", "people", "random_and_group"] = "split"
    test_fraction: Annotated[float, Field(gt=0, lt=0.9)] = 0.25
    folds: Count | None = None
    seeds: Count = 1


class PaperCount(Settings):
    """A count that a paper prints, for the shipped recipe with the values of `set` (`key.path: value`)."""

    set: dict[str, Any] = Field(default={})
    trainable_parameters: int


class Paper(Settings):
    """Where a recipe comes from."""

    title: str
    doi: str | None = None
    counts: tuple[PaperCount, ...] = ()


class Recipe(Settings):
    """One complete recogniser as data."""

    name: str
    summary: str = ""
    paper: Paper | None = None
    notes: tuple[str, ...] = ()
    data: Data = Data()
    streams: Annotated[dict[str, Stream], Field(min_length=1)]
    encoder: Encoder | None = None
    temporal: Temporal = Gru()
    fusion: Fusion | None = None
    classifier: Classifier = Classifier()
    training: Training = Training()
    protocol: Protocol = Protocol()

    @field_validator("temporal", mode="before")
    @classmethod
    def _default_kind(cls, value: Any) -> Any:
        return {"kind": "gru", **value} if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _check(self) -> Recipe:
        if self.fusion is not None:
            self.fusion.check(len(self.streams), self.training.stages)
        elif len(self.streams) > 1:
            raise ValueError("several streams need `fusion`: weighted_average, average, concat or concat_svm")
        elif self.training.stages == "separate":
            raise ValueError("`training.stages: separate` needs `fusion.kind: concat_svm`")
        if self.classifier.per_step != self.temporal.per_step:
            raise ValueError("`classifier.per_step: true` and `temporal.pool: none` go together")
        if self.classifier.per_step != (self.classifier.vote is not None):
            raise ValueError("`classifier.vote` (majority or mean) is for `classifier.per_step: true`")
        if len(self.streams) > 1 and any(s.augment and s.augment.on_the_fly for s in self.streams.values()):
            raise ValueError("`augment.on_the_fly` works with one stream")
        if self.classifier.per_step and len(self.streams) > 1:
            raise ValueError("`classifier.per_step` works with one stream")
        return self

    def to_yaml(self) -> str:
        """The resolved recipe, every default written out; `load_recipe` reads it back to an equal one."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
