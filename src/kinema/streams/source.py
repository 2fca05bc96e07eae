"""The source half of a stream: a file becomes clips. Knows nothing of torch; runs in worker processes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from .. import recipe
from ..flow.methods import describe_method
from ..sampling.specs import Sampling
from ..types import Clip, VideoRecord


@dataclass(frozen=True, slots=True)
class View:
    """What one backbone of the stream is given per step (see `kinema.types.Clip`)."""

    kind: Literal["frame", "clip", "flow_clip", "flow_stack", "logmel"]
    size: tuple[int, int] | None = None
    crop: Literal["center", "stretch"] = "center"
    front_end: str | None = None


@dataclass(frozen=True, slots=True)
class SourceConfig:
    """Every setting that decides what the clips hold, and where weights of a learned flow lie.

    `method` names the optical flow: of flow input, and of adaptive sampling by flow on rgb input.
    `max_seconds` is how much of the sound is heard, from its start; None is all.
    """

    input: Literal["rgb", "flow", "audio"]
    views: tuple[View, ...]
    sampling: Sampling | None = None
    method: str | None = None
    clip_px: float = 20.0
    stack: int | None = None
    max_seconds: float | None = None
    augment: recipe.Augment | None = None
    flow_weights: Literal["published", "none"] = "published"
    weights_dir: str | None = None

    def flow_options(self) -> dict[str, Any]:
        """What a learned flow method needs to know of its weights."""
        if self.method in (None, "tvl1"):
            return {}
        return {"weights": self.flow_weights, "folder": self.weights_dir and Path(self.weights_dir)}

    def settings(self, variant: int = 0) -> dict[str, Any]:
        """The settings as plain data, for the fingerprint."""
        return {
            "input": self.input,
            "views": [
                {"kind": v.kind, "size": v.size, "crop": v.crop, "front_end": v.front_end} for v in self.views
            ],
            "sampling": self.sampling.model_dump(mode="json") if self.sampling else None,
            "flow": self._flow_settings(),
            **({"max_seconds": self.max_seconds} if self.max_seconds else {}),
            "augment": self.augment.model_dump(mode="json") if self.augment and variant else None,
        }

    def _flow_settings(self) -> dict[str, Any] | None:
        if self.method is None:
            return None
        learned = {} if self.method == "tvl1" else {"weights": self.flow_weights}
        described = describe_method(self.method, **learned)
        return described | {"clip_px": self.clip_px, "stack": self.stack}


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work: clips of this record, as augmented version `variant` (0 is the video as it is).

    `key` names the video's content; `motion_cache` is a folder for motion profiles, shared by streams.
    """

    record: VideoRecord
    key: str
    variant: int = 0
    motion_cache: Path | None = None


class Source(Protocol):
    """One video in, its clips in order. `notes` are facts about the last video worth counting."""

    notes: list[str]

    def clips(self, job: Job) -> Iterator[Clip]:
        """Yield clips; none at all means that the video has nothing for this stream.

        Raises `MediaError` where the file cannot be read.
        """
        ...


def make_source(config: SourceConfig, *, threads: int = 1) -> Source:
    """The source for a configuration; `threads` bounds what optical flow may use."""
    if config.input == "audio":
        from .audio import AudioSource

        return AudioSource(config)
    if config.input == "flow":
        from .flow import FlowSource

        return FlowSource(config, threads=threads)
    from .rgb import RgbSource

    return RgbSource(config, threads=threads)
