"""The pipeline that one writes first: OpenCV frame by frame, the network eager, one step at a time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import torch

from kinema.backbones.spec import InputSpec
from kinema.extraction.loaded import LoadedStream
from kinema.sampling.specs import FirstN, Rate, Sampling, Segments


def naive_steps(streams: Sequence[LoadedStream], path: Path, frames: int | None) -> int:
    """Features of the first `frames` frames of a video, or all, by every stream; how many steps that were."""
    pictures, fps = decoded(path, frames)
    return sum(sum(1 for _ in features(stream, pictures, fps)) for stream in streams)


def decoded(path: Path, frames: int | None) -> tuple[list[np.ndarray], float]:
    """BGR pictures, and how many there are in a second."""
    video = cv2.VideoCapture(str(path))
    found: list[np.ndarray] = []
    while frames is None or len(found) < frames:
        there, picture = video.read()
        if not there:
            break
        found.append(picture)
    return found, video.get(cv2.CAP_PROP_FPS)


def features(stream: LoadedStream, pictures: list[np.ndarray], fps: float):
    """A feature vector of every step."""
    (backbone,) = stream.backbones
    view = stream.spec.views[0]
    items = flow(pictures, view.size) if stream.spec.input == "flow" else pictures
    for step in chosen(stream.spec.sampling, items, fps):
        if stream.spec.input != "flow":
            step = [fitted(picture, view) for picture in step]
        batch = np.stack(step) if view.kind == "frame" else np.stack(step)[None]
        with torch.no_grad():
            yield backbone.module(torch.from_numpy(batch)).numpy()


def chosen(sampling: Sampling, items: Sequence, fps: float) -> list[list]:
    """What each step is made of."""
    match sampling:
        case FirstN():
            return [[items[min(i, len(items) - 1)]] for i in range(sampling.frames)]
        case Rate():
            times = np.arange(len(items)) / fps
            ticks = np.arange(0, times[-1] + 1e-4, 1 / sampling.fps)
            return [[items[i]] for i in np.searchsorted(times, ticks - 1e-4)]
        case Segments():
            starts = range(0, len(items), sampling.length)
            return [filled(items[s : s + sampling.length], sampling.length) for s in starts]
    raise SystemExit(f"the naive pipeline has no sampling {sampling.kind}; choose another recipe")


def filled(items: Sequence, length: int) -> list:
    """The last one again until there are enough."""
    return [*items, *[items[-1]] * (length - len(items))]


def fitted(picture: np.ndarray, view: InputSpec) -> np.ndarray:
    """RGB at the size of the network."""
    if view.crop == "center":
        picture = square(picture)
    return cv2.cvtColor(cv2.resize(picture, view.size[::-1]), cv2.COLOR_BGR2RGB)


def square(picture: np.ndarray) -> np.ndarray:
    """The middle of a frame."""
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return picture[top : top + side, left : left + side]


def flow(pictures: list[np.ndarray], size: tuple[int, int]) -> list[np.ndarray]:
    """TV-L1 fields [H, W, 2] as I3D takes them: the short side at 256, the middle of it, in [-1, 1]."""
    method = cv2.optflow.DualTVL1OpticalFlow_create()
    scale = 256 / min(pictures[0].shape[:2])
    grey = [cv2.cvtColor(cv2.resize(p, None, fx=scale, fy=scale), cv2.COLOR_BGR2GRAY) for p in pictures]
    fields = []
    for pair in pairwise(grey):
        field = method.calc(*pair, None)
        top, left = ((side - wanted) // 2 for side, wanted in zip(field.shape, size, strict=False))
        field = field[top : top + size[0], left : left + size[1]]
        fields.append(np.clip(field, -20, 20) / 20)
    return fields
