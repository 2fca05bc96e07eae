"""A recipe as frozen, validated data: streams, temporal model, fusion, classifier, training, protocol."""

from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import Field, field_validator, model_validator

from ..errors import nearest
from ..fusion import Fusion
from ..settings import APART, Count, Fraction, Settings
from ..shipped import paper_shown
from ..streams import Stream
from ..temporal import Encoder, Gru, Temporal
from .timeline import Timeline


class Classifier(Settings):
    """Embedding -> class scores. `per_step` scores every step; `vote` joins them into the video's scores.

    `majority` and `mean` over the steps are for videos of one class, `max` for those that may hold several.
    """

    activation: Literal["softmax", "sigmoid"] = "softmax"
    hidden: Count | None = None
    per_step: bool = False
    vote: Literal["majority", "mean", "max"] | None = None


class Schedule(Settings):
    """Learning-rate schedule: `step` every `every` epochs, or `plateau` after `every` epochs without gain.

    `plateau` lowers the rate for the epoch that follows `every` epochs in which the validation loss (without
    validation videos, the training loss) was not below its lowest value so far.
    """

    kind: Literal["step", "plateau", "cosine"]
    every: Count = 30
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.1
    floor: Annotated[float, Field(ge=0)] = 0.0


class StageTraining(Settings):
    """Optimiser, schedule and stopping of one training stage.

    `decay` says what `weight_decay`, here d, means. `coupled`: d * w is added to the gradient of every
    weight and bias w. `l2`: the penalty d * sum(w^2) of Keras' `l2(d)`, hence 2 * d * w, on weights alone
    (of two or more dimensions). `keras_decay`: no value is decayed; the learning rate falls with every
    update, lr / (1 + d * updates), as Keras' optimisers do with `decay=d`. A learned alpha is never decayed.
    """

    optimizer: Literal["adam", "rmsprop", "sgd"] = "adam"
    lr: Annotated[float, Field(gt=0)] = 1.0e-3
    momentum: Fraction = 0.0
    nesterov: bool = False
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    decay: Literal["coupled", "l2", "keras_decay"] = "coupled"
    epochs: Count = 30
    batch: Count = 32
    schedule: Schedule | None = None
    stop_after: Count | None = None
    clip_norm: Annotated[float, Field(gt=0)] | None = None
    class_balance: Literal["none", "weights", "sampler"] = "none"
    keep: Literal["last", "best"] = "last"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.nesterov and (self.optimizer != "sgd" or self.momentum == 0):
            raise ValueError("`nesterov` needs optimizer: sgd and momentum > 0")
        return self


class Mix(Settings):
    """Training clips mixed in pairs, inputs and labels alike, by a share drawn from Beta(alpha, alpha).

    `mixup` adds the two (Zhang et al. 2018), `cutmix` pastes a part of one into the other (Yun et al. 2019).
    """

    kind: Literal["mixup", "cutmix"]
    alpha: Annotated[float, Field(gt=0)] = 0.2


class BackboneTraining(StageTraining):
    """The backbone stage: the last `train_blocks` blocks of a stream's backbone, before the temporal stage.

    `unit: clip` classifies single clips, `clips_per_video` of each video, by a dense layer of its own (the
    three-stream paper's motion CNN); `unit: video` trains backbone and temporal model together. `batch`
    counts units. `mix` is for single clips.

    `chunk`: how many clips go through the backbone at once. Memory is bounded by it then, not by the clips
    of a batch; each chunk is computed a second time for its gradient, which is the same but for rounding.
    """

    unit: Literal["clip", "video"] = "video"
    clips_per_video: Count = 4
    epochs: Count = 5
    batch: Count = 4
    mix: Mix | None = None
    chunk: Annotated[Count | None, APART] = None

    @model_validator(mode="after")
    def _check_mix(self) -> Self:
        if self.mix is not None and self.unit == "video":
            raise ValueError(
                "videos of different lengths cannot be mixed; set unit: clip, or leave out `mix`"
            )
        return self


class Training(StageTraining):
    """The temporal stage, plus what all stages share.

    `keep: folds` finds the number of epochs, `epochs` at most, by folds of whole groups inside the training
    videos, trains anew on all of them for as many, and calibrates the scores by what the folds held out.
    `watch_test` notes loss and accuracy of the test videos after every epoch of the temporal stage, for a
    curve alone: nothing is ever chosen or stopped by them.
    """

    keep: Literal["last", "best", "folds"] = "last"  # type: ignore[assignment]  # one value more
    stages: Literal["joint", "separate"] = "joint"
    watch_test: bool = False
    backbone: BackboneTraining | None = None
    val_fraction: Annotated[float, Field(ge=0, lt=0.9)] = 0.0
    seed: int = 0

    @property
    def needs_validation(self) -> bool:
        """Whether a stage is stopped or chosen by validation videos."""
        stages = [self, *([self.backbone] if self.backbone else [])]
        watched = any(stage.keep == "best" or stage.stop_after is not None for stage in stages)
        return self.val_fraction > 0 or watched


class Data(Settings):
    """What the recipe assumes of the data: the number of classes used for counting parameters.

    `whole_files`: where the layout is found and not given, one that cuts files into parts reads them whole.
    """

    classes: Annotated[int, Field(ge=2)] = 101
    whole_files: bool = False


class Protocol(Settings):
    """How accuracy is measured. `seeds` repeats the whole and gives mean and standard deviation.

    `auto` is `folds` where the data has no split, the one that would be made tests too few videos, and
    training is quick (`kinema.workflows.choose_protocol`); elsewhere it is `split`. Each of `folds` whole
    groups or files is tested by a model of the others; the run's own model is trained on all videos.
    """

    kind: Literal[
        "auto",
        "split",
        "folds",
        "official_splits",
        "leave_one_group_out",
        "people",
        "random",
        "random_and_group",
    ] = "auto"
    test_fraction: Annotated[float, Field(gt=0, lt=0.9)] = 0.25
    folds: Count | None = None
    seeds: Count = 1

    @property
    def several_rounds(self) -> bool:
        """Whether this is more than one training on one split."""
        return self.kind not in ("auto", "split") or self.seeds > 1


class PaperCount(Settings):
    """A parameter count, for the shipped recipe with the values of `set` (`key.path: value`)."""

    set: dict[str, Any] = Field(default={})
    trainable_parameters: int


class PaperResult(Settings):
    """Values that a paper prints in one place, by row, in its own unit: accuracies in percent.

    `data` is the data set, `part` its split where the paper names one. `quoted`: the rows are other
    systems, as the paper cites them.
    """

    where: str
    data: str
    part: str = ""
    measure: str = "accuracy"
    quoted: bool = False
    values: Annotated[dict[str, float], Field(min_length=1)]


class Paper(Settings):
    """Where a recipe comes from. What is not known is left out, never guessed.

    `opening`: the first words of the abstract, by which a paper is known that is without its title here.
    `authors`: each as `Family, Given`. `counts`: the parameter counts that the paper prints. `derived`:
    counts that follow from its layers and that it does not print; they are our derivation. `results`: the
    figures that it prints.
    """

    title: str | None = None
    opening: str = ""
    authors: tuple[str, ...] = ()
    year: int | None = None
    venue: str | None = None
    volume: str | None = None
    number: str | None = None
    pages: str | None = None
    doi: str | None = None
    url: str | None = None
    counts: tuple[PaperCount, ...] = ()
    derived: tuple[PaperCount, ...] = ()
    results: tuple[PaperResult, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.title and not self.opening:
            raise ValueError("a paper needs its `title` or the `opening` of its abstract")
        return self

    @property
    def shown(self) -> str:
        """The title or, where it is not known, how the abstract begins."""
        return paper_shown(self.title, self.opening)


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
    timeline: Timeline | None = None
    training: Training = Training()
    protocol: Protocol = Protocol()

    @property
    def releases(self) -> bool:
        """Whether a stage trains blocks of a backbone, ahead of the temporal model."""
        return any(stream.train_blocks for stream in self.streams.values())

    @property
    def on_stored_features(self) -> bool:
        """Whether nothing is trained but what reads stored features."""
        return all(stream.on_stored_features for stream in self.streams.values())

    @field_validator("temporal", mode="before")
    @classmethod
    def _default_kind(cls, value: Any) -> Any:
        return {"kind": "gru", **value} if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.fusion is not None:
            self.fusion.check(len(self.streams), self.training.stages)
        elif len(self.streams) > 1:
            raise ValueError(
                "several streams need `fusion`: weighted_average, average, concat, bilinear or concat_svm"
            )
        elif self.training.stages == "separate":
            raise ValueError("`training.stages: separate` needs `fusion.kind: concat_svm`")
        if self.classifier.per_step != self.temporal.per_step:
            raise ValueError("`classifier.per_step: true` and `temporal.pool: none` go together")
        if self.classifier.per_step != (self.classifier.vote is not None):
            raise ValueError("`classifier.vote` (majority, mean or max) is for `classifier.per_step: true`")
        if len(self.streams) > 1 and any(s.on_the_fly for s in self.streams.values()):
            raise ValueError("`augment.on_the_fly` works with one stream")
        if self.classifier.per_step and len(self.streams) > 1:
            raise ValueError("`classifier.per_step` works with one stream")
        if self.training.backbone is not None and self.training.backbone.chunk:
            self._check_chunk()
        if self.temporal.closed_form:
            self._check_closed_form()
        elif self.fusion is not None and not self.fusion.gradients:
            raise ValueError(f"`fusion.kind: {self.fusion.kind}` needs `temporal.kind: moments`; use concat")
        if self.timeline is not None:
            self._check_timeline()
        if self.training.keep == "folds":
            self._check_folds()
        if self.training.watch_test and (self.temporal.closed_form or self.training.keep == "folds"):
            raise ValueError("`training.watch_test` needs epochs: not with `keep: folds` or a closed form")
        return self

    def _check_chunk(self) -> None:
        """Batch norm that learns its statistics sees the whole batch or another one."""
        for name, stream in self.streams.items():
            if stream.train_blocks and stream.batch_norm == "train":
                raise ValueError(
                    f"`streams.{name}.batch_norm: train` takes its statistics over whole batches; "
                    "set it to eval, or leave `training.backbone.chunk` out and lower its `batch`"
                )

    def _check_folds(self) -> None:
        """What a number of epochs chosen by folds cannot be joined with."""
        key, classifier = "`training.keep: folds`", self.classifier
        if self.training.stop_after or self.training.val_fraction:
            raise ValueError(f"{key} says itself when to stop; leave `stop_after` and `val_fraction` out")
        if self.training.stages == "separate" or classifier.per_step or classifier.activation != "softmax":
            raise ValueError(f"{key} needs `stages: joint` and softmax scores of whole videos")
        if any(s.on_the_fly for s in self.streams.values()):
            raise ValueError(f"{key} trains several times; use `augment.copies` in place of `on_the_fly`")

    def _check_timeline(self) -> None:
        """What scores of steps that are learned from segments cannot be joined with."""
        classifier, training = self.classifier, self.training
        if not classifier.per_step or classifier.activation != "sigmoid" or classifier.vote != "max":
            raise ValueError(
                "`timeline` needs `classifier: {activation: sigmoid, per_step: true, vote: max}`"
                " and `temporal.pool: none`"
            )
        if any(s.copies or s.on_the_fly for s in self.streams.values()):
            raise ValueError("`timeline` learns from stored features: leave `copies` and `on_the_fly` out")
        if self.releases and (training.backbone or BackboneTraining()).unit == "video":
            raise ValueError("`timeline` trains backbones by `training.backbone.unit: clip`")
        if training.keep != "last" or training.stop_after or training.val_fraction or training.watch_test:
            raise ValueError(
                "`timeline` trains for all its epochs: leave `keep`, `stop_after`, `val_fraction`"
                " and `watch_test` out"
            )
        if training.class_balance == "sampler":
            raise ValueError(
                "`timeline` walks along whole files: set `training.class_balance` weights or none"
            )
        if self.protocol.kind not in ("auto", "split") or self.protocol.seeds > 1:
            raise ValueError("`timeline` is measured on one split: leave `protocol` out")

    def _check_closed_form(self) -> None:
        """What a classifier that is solved for cannot be joined with."""
        kind, classifier = f"`temporal.kind: {self.temporal.kind}`", self.classifier
        if self.fusion is not None and not self.fusion.closed_form:
            raise ValueError(f"{kind} joins streams by `fusion.kind: concat` or bilinear")
        for name in self.temporal.named_streams:
            if name not in self.streams:
                near, known = nearest(name, self.streams), ", ".join(self.streams)
                raise ValueError(f"`temporal.statistics_of` names no stream: {name}; {near}there is {known}")
        if self.encoder is not None:
            raise ValueError(f"{kind} trains no encoder; leave `encoder` out, or use gru, lstm or mean")
        if classifier.activation != "softmax" or classifier.hidden:
            raise ValueError(f"{kind} needs `classifier.activation: softmax` without `hidden`")
        if any(s.on_the_fly for s in self.streams.values()):
            raise ValueError(f"{kind} has no epochs for `augment.on_the_fly`; use `augment.copies`")
        unit = (self.training.backbone or BackboneTraining()).unit
        if unit == "video" and self.releases:
            raise ValueError(f"{kind} trains backbones by `training.backbone.unit: clip`")

    def to_yaml(self, *, ascii_only: bool = False) -> str:
        """The resolved recipe, every default written out; `load_recipe` reads it back to an equal one.

        `ascii_only` writes other letters as YAML's escapes.
        """
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=not ascii_only)
