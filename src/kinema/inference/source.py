"""What a prediction is made of: a video, however it is named or supplied."""

from pathlib import Path

from ..buckets import as_path
from ..media.video import Video, VideoFile
from ..types import VideoRecord

# A path, a record (a part of a file), or any other supplier of frames and sound.
Source = str | Path | VideoRecord | Video


def video_of(video: Source) -> Video:
    """The supplier of a source's frames and sound."""
    if isinstance(video, VideoRecord):
        return VideoFile.of(video)
    return VideoFile(as_path(video).absolute()) if isinstance(video, str | Path) else video


def path_of(video: Source) -> Path:
    """Where a source comes from: an absolute path, or the name of a supplier that has none."""
    if isinstance(video, VideoRecord):
        return video.path
    return as_path(video).absolute() if isinstance(video, str | Path) else Path(video.name)
