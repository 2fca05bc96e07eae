"""What a report is made of: plain values, so that a report can be written without torch or the videos."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class FilmStrip:
    """Frames of one video side by side, equally wide, in one JPEG file of `width` x `height` pixels.

    `pts_seconds` is the time of each frame from left to right.
    """

    image: bytes = field(repr=False)
    pts_seconds: tuple[float, ...]
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One test video: its truth and its best (label, score) pairs, best first.

    `tags` are optional words under the frames of `strip`, one per frame. A sample without a strip is
    listed by name and scores. `anchor` is what a link to it is called.
    """

    video: str
    truth: str | None
    top: tuple[tuple[str, float], ...]
    strip: FilmStrip | None = None
    tags: tuple[str, ...] = ()
    note: str = ""
    anchor: str = ""

    @property
    def predicted(self) -> str:
        """The label with the best score, empty where there are no scores."""
        return self.top[0][0] if self.top else ""

    @property
    def correct(self) -> bool:
        """Whether the best label is the truth."""
        return self.truth is not None and self.predicted == self.truth


@dataclass(frozen=True, slots=True)
class Comparison:
    """One row of the comparison table: accuracy (0 to 1) per subset of the test videos.

    The keys of `accuracy` become columns in order of appearance, e.g. `{"all": 0.97, "order pair": 0.5}`.
    `ours` marks the row of the run itself.
    """

    name: str
    accuracy: Mapping[str, float | None]
    note: str = ""
    ours: bool = False


@dataclass(frozen=True, slots=True)
class WeightsSource:
    """Where a backbone's weights come from; `random` ones get a warning."""

    backbone: str
    source: str
    random: bool = False


@dataclass(frozen=True, slots=True)
class DatasetFacts:
    """The data as `scan` and extraction saw it. `root` is the folder's name, not a machine's path.

    `counts` is label -> split -> how many of what `noun` says.
    """

    root: str
    layout: str
    split_source: str
    counts: Mapping[str, Mapping[str, int]]
    absent: Sequence[str] = ()
    quarantined: Sequence[tuple[str, str]] = ()
    duplicates: Sequence[str] = ()
    leaks: Sequence[str] = ()
    noun: str = "video"

    def count(self, split: str) -> int:
        """Number of videos (or segments) of one split."""
        return sum(row.get(split, 0) for row in self.counts.values())

    @property
    def splits(self) -> list[str]:
        """The splits that occur: train, val, test first, then any other in order of appearance."""
        seen = dict.fromkeys(name for splits in self.counts.values() for name in splits)
        usual = [name for name in ("train", "val", "test") if name in seen]
        return usual + [name for name in seen if name not in usual]


@dataclass(frozen=True, slots=True)
class Cost:
    """What the run took. `stages` is stage name -> seconds; sizes are in bytes, rates in videos a second.

    `computed` and `reused` count the feature sequences of a stream that were computed, and that were there;
    `features` says in what precision and by what runtime.
    """

    stages: Mapping[str, float] = field(default_factory=dict)
    computed: Mapping[str, int] = field(default_factory=dict)
    reused: Mapping[str, int] = field(default_factory=dict)
    extraction_rate: float | None = None
    training_rate: float | None = None
    peak_memory: int | None = None
    store_size: int | None = None
    device: str = ""
    features: str = ""
    threads: int | None = None
    trainable_parameters: int | None = None
    frozen_parameters: int | None = None
    weights: tuple[WeightsSource, ...] = ()


@dataclass(frozen=True, slots=True)
class Series:
    """One curve: `x` and `y` of equal length; NaN or None in `y` is a gap."""

    name: str
    x: Sequence[float]
    y: Sequence[float | None]

    def __post_init__(self) -> None:
        if len(self.x) != len(self.y):
            raise ValueError(f"series {self.name!r} has {len(self.x)} x values and {len(self.y)} y values")


@dataclass(frozen=True, slots=True)
class Lines:
    """A line chart. `percent` shows y (0 to 1) as percentages on a full axis.

    `dividers` are (x, label) marks, such as where a training stage begins; `diagonal` draws y = x
    (chance in a ROC) and lets x run from 0 to 1.
    """

    title: str
    x_label: str
    series: tuple[Series, ...]
    percent: bool = False
    dividers: tuple[tuple[float, str], ...] = ()
    diagonal: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of plain values; numbers are aligned to the right."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[Any]]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Strips:
    """Film strips with their scores."""

    title: str
    samples: Sequence[Sample]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a video in seconds; `anchor` is the element of the page that shows it closely."""

    label: str
    start: float
    end: float
    note: str = ""
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class VideoTimeline:
    """One video of `seconds`, with named tracks of spans in the order of their starts."""

    video: str
    seconds: float
    tracks: tuple[tuple[str, tuple[Span, ...]], ...]


@dataclass(frozen=True, slots=True)
class Timelines:
    """Videos as strips over time, a colour a label."""

    labels: tuple[str, ...]
    videos: Sequence[VideoTimeline]


Figure = Lines | Table | Strips | Timelines


@dataclass(frozen=True, slots=True)
class Section:
    """A further section of the report: a heading, a sentence or two, and figures.

    `nav` is what the navigation calls it, where the heading is too long for it.
    """

    title: str
    intro: str = ""
    figures: tuple[Figure, ...] = ()
    nav: str = ""


@dataclass(frozen=True, slots=True)
class ReportData:
    """All that `render_report` and `model_card` show. Only `title` is needed; what is absent is left out.

    `metrics` has the keys of metrics.json; `per_class` is in the row order of `confusion` (rows are the
    truth). `history` holds one mapping per epoch: epoch, train_loss, train_accuracy, lr, seconds, and
    where there are any val_loss, val_accuracy, stage.
    """

    title: str
    summary: str = ""
    created: str = ""
    version: str = ""
    run: str = "RUN"
    recipe: str = ""
    recipe_yaml: str = ""
    paper_title: str = ""
    paper_doi: str = ""
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    dataset: DatasetFacts | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    history: Sequence[Mapping[str, Any]] = ()
    comparisons: tuple[Comparison, ...] = ()
    samples: tuple[Sample, ...] = ()
    cost: Cost | None = None
    sections: tuple[Section, ...] = ()

    def __post_init__(self) -> None:
        classes = len(self.labels)
        confusion = self.metrics.get("confusion")
        if confusion is not None and [len(row) for row in confusion] != [classes] * classes:
            raise ValueError(
                f"confusion must be {classes} x {classes}, one row and column per `per_class` entry"
            )

    @property
    def random_backbones(self) -> list[str]:
        """The backbones whose weights were never trained."""
        return [source.backbone for source in (self.cost.weights if self.cost else ()) if source.random]

    @property
    def tested(self) -> int:
        """Number of videos that the metrics are over."""
        supports = (entry.get("support") or 0 for entry in self.metrics.get("per_class", ()))
        return int(self.metrics.get("n_test") or sum(supports))

    @property
    def labels(self) -> list[str]:
        """The class names in the order of the confusion matrix."""
        return [str(entry["label"]) for entry in self.metrics.get("per_class", ())]
