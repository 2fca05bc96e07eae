"""The verb `flow`: a video's optical flow as a colour video or as raw fields, in constant memory."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..atomic import atomic_open
from ..buckets import as_path, delivered
from ..errors import UsageError
from ..features.sequence_file import HEADER_BYTES, safetensors_header
from ..flow.color import flow_to_color
from ..flow.methods import FlowMethod, describe_method, load_method
from ..media.reader import VideoReader
from ..media.writer import VideoWriter
from ..resources import Resources, threads
from ..streams.images import fit

VIDEO_ENDINGS = (".mp4", ".mkv", ".mov", ".avi")
RAW_ENDINGS = (".npy", ".safetensors")
# Full colour in the video, as a part of the picture's width: 10 pixels at 320.
_FULL_COLOR = 1 / 32
_DEFAULT_FPS = 25.0


@dataclass(frozen=True, slots=True)
class FlowSummary:
    """What was written: `fields` fields of `width` x `height`; `note` says what was unusual, or is empty."""

    path: Path
    fields: int
    height: int
    width: int
    note: str


def write_flow(
    video: str | Path,
    out: str | Path,
    method: str = "tvl1",
    *,
    max_px: float | None = None,
    short_side: int | None = None,
    resources: Resources | None = None,
    progress: Callable[[int], None] = lambda done: None,
    **parameters: Any,
) -> FlowSummary:
    """Compute the flow between consecutive frames of `video` and write it to `out`.

    out: .mp4, .mkv, .mov or .avi for the colour wheel, where `max_px` pixels have full colour (default: a
    32nd of the width); .npy for float16 [T - 1, 2, H, W] in pixels, channel 0 right and 1 down;
    .safetensors for the same under `flow`, with the method described in its metadata.
    short_side: shrink larger frames to this short side first, as I3D does with 256; pixels are then those
    of the smaller frames. resources: device, and weights and offline for the learned methods. progress:
    called with the number of fields done. parameters: of the method. A video of one frame gives one zero
    field. Frames and fields are held a few at a time. Raises `UsageError`, `MediaError`, `WorkError`.
    """
    target = as_path(out)
    if target.suffix.lower() not in VIDEO_ENDINGS + RAW_ENDINGS:
        known = ", ".join(VIDEO_ENDINGS + RAW_ENDINGS)
        raise UsageError(f"cannot write flow to '{target.name}'; give it one of the endings {known}")
    use = resources or Resources()
    weights = "none" if use.random else "published"
    loaded = load_method(
        method, weights=weights, folder=use.folder, download=not use.offline, device=use.device,
        threads=threads(), **parameters,
    )  # fmt: skip
    with VideoReader(video) as reader:
        size = _size(reader.info.height, reader.info.width, short_side)
        found = _fields(reader, loaded, size, "gray8" if method == "tvl1" else "rgb24")
        first = next(found, None)
        zero = np.zeros((2, *size), np.float32)
        fields = _reported(chain([zero if first is None else first], found), progress)
        with delivered(target) as file:
            if target.suffix.lower() in VIDEO_ENDINGS:
                count = _write_video(file, fields, reader.info.average_fps or _DEFAULT_FPS, size, max_px)
            elif target.suffix.lower() == ".npy":
                count = _write_npy(file, fields, size)
            else:
                described = describe_method(method, weights=weights, **parameters)
                count = _write_safetensors(file, fields, size, described)
        note = reader.damage or ("one frame: a zero field" if first is None else "")
    return FlowSummary(target, count, *size, note)


def _reported(fields: Iterable[np.ndarray], progress: Callable[[int], None]) -> Iterator[np.ndarray]:
    for number, field in enumerate(fields, start=1):
        progress(number)
        yield field


def _size(height: int, width: int, short_side: int | None) -> tuple[int, int]:
    if short_side is None or min(height, width) <= short_side:
        return height, width
    if short_side < 16:
        raise UsageError(f"short_side={short_side} is too small for flow; give 16 or more")
    scale = short_side / min(height, width)
    return round(height * scale), round(width * scale)


def _fields(
    reader: VideoReader, method: FlowMethod, size: tuple[int, int], pixel_format: Any
) -> Iterator[np.ndarray]:
    with closing(reader.read(pixel_format=pixel_format)) as frames:  # type: ignore[type-var]
        yield from method.fields(
            frame.data if frame.data.shape[:2] == size else fit(frame.data, size, "stretch")
            for frame in frames
        )


# The writers return the number of fields that they were given.


def _write_video(
    path: Path, fields: Iterable[np.ndarray], fps: float, size: tuple[int, int], max_px: float | None
) -> int:
    scale, count = max_px or size[1] * _FULL_COLOR, 0
    with VideoWriter(path, fps=fps, width=size[1], height=size[0]) as writer:
        for field in fields:
            writer.write(flow_to_color(field, scale))
            count += 1
    return count


def _write_npy(path: Path, fields: Iterable[np.ndarray], size: tuple[int, int]) -> int:
    """The header is written again at the end, when the number of fields is known; numpy leaves room."""

    def header(file: IO[bytes], count: int) -> None:
        shape = {"descr": "<f2", "fortran_order": False, "shape": (count, 2, *size)}
        np.lib.format.write_array_header_1_0(file, shape)

    with atomic_open(path, "wb") as file:
        header(file, 0)
        count = _write_halves(file, fields)
        file.seek(0)
        header(file, count)
    return count


def _write_safetensors(
    path: Path, fields: Iterable[np.ndarray], size: tuple[int, int], description: dict[str, Any]
) -> int:
    with atomic_open(path, "wb") as file:
        file.write(b" " * (8 + HEADER_BYTES))
        count = _write_halves(file, fields)
        metadata = {"units": "pixels", **{name: str(value) for name, value in description.items()}}
        file.seek(0)
        file.write(safetensors_header(metadata, flow=("F16", [count, 2, *size])))
    return count


def _write_halves(file: IO[bytes], fields: Iterable[np.ndarray]) -> int:
    count = 0
    for field in fields:
        file.write(field.astype("<f2").tobytes())
        count += 1
    return count
