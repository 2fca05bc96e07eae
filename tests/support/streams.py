"""Small videos, and a stream's clips of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from kinema.extraction.inline import messages_of
from kinema.extraction.messages import Finished
from kinema.media.video import Video, VideoFile
from kinema.media.writer import VideoWriter
from kinema.resources import Resources
from kinema.streams import StreamSettings, Task, Tools
from kinema.types import Clip, VideoRecord

FPS = 12.5


def write_frames(path: Path, frames: Iterable[np.ndarray], fps: float = FPS) -> Path:
    """A video of these frames, uint8 [48, 64, 3]."""
    with VideoWriter(path, fps=fps, width=64, height=48, preset="ultrafast") as writer:
        for frame in frames:
            writer.write(frame)
    return path


def clips_and_notes(
    stream: StreamSettings, video: Path | Video, task: Task = Task("key"), **part: object
) -> tuple[list[Clip], tuple[str, ...]]:
    """What one stream makes of one video, a part of a file where `part` says so, and what it notes."""
    if isinstance(video, Path):
        video = VideoFile.of(VideoRecord(video, **part))  # type: ignore[arg-type]
    *clips, end = messages_of(stream, video, task, Tools(Resources(device="cpu")))
    assert isinstance(end, Finished)
    assert all(isinstance(clip, Clip) for clip in clips)
    return clips, end.notes  # type: ignore[return-value]
