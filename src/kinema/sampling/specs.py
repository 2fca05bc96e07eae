"""The samplings that a recipe can name, with the keys of each."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from ..plugins import plugin_names
from ..settings import Count, Settings

Seconds = Annotated[float, Field(gt=0)]
if TYPE_CHECKING:
    Motion = str
else:  # the methods of kinema.flow, which lies above, and those of other packages
    Motion = Literal[("tvl1", "raft_small", "raft_large", "flownet2", "difference", *plugin_names("flow"))]


class FirstN(Settings):
    """The first `frames` frames; a shorter video is filled up by `policy`."""

    kind: Literal["first_n"]
    frames: Count
    policy: Literal["repeat_last", "wrap", "error"] = "repeat_last"


class Uniform(Settings):
    """`frames` frames at equal distances over the whole video, or over its first `seconds`."""

    kind: Literal["uniform"]
    frames: Count
    seconds: Seconds | None = None
    policy: Literal["repeat_last", "error"] = "repeat_last"


class Jump(Settings):
    """Every `every`-th frame, starting with the first; at most `max_frames`."""

    kind: Literal["jump"]
    every: Count
    max_frames: Count | None = None


class Rate(Settings):
    """`fps` frames per second of video time, independent of the source's frame rate."""

    kind: Literal["rate"]
    fps: Annotated[float, Field(gt=0)]
    max_frames: Count | None = None


class Segments(Settings):
    """Non-overlapping segments of `length` frames; a short last one is filled up by `policy`."""

    kind: Literal["segments"]
    length: Count
    policy: Literal["repeat_last", "wrap", "error"] = "repeat_last"
    max_segments: Count | None = None


class Windows(Settings):
    """Windows of `length` frames, one every `stride` frames."""

    kind: Literal["windows"]
    length: Count
    stride: Count
    policy: Literal["repeat_last", "wrap", "error"] = "repeat_last"


class Adaptive(Settings):
    """At most `frames` samples of the first `seconds`, more where `motion` is larger (three-stream paper).

    `motion` is measured by an optical flow method, or by the difference of frames; `weights` are those of a
    learned method.
    """

    kind: Literal["adaptive"]
    frames: Count
    seconds: Seconds
    stretches: Count = 12
    motion: Motion = "tvl1"
    weights: Literal["published", "none"] = "published"


Sampling = Annotated[
    FirstN | Uniform | Jump | Rate | Segments | Windows | Adaptive, Field(discriminator="kind")
]
