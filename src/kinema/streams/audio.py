"""Sound as log-mel examples."""

from __future__ import annotations

from collections.abc import Iterator

from ..audio.logmel import FRONT_ENDS
from ..audio.track import sound_examples
from ..media.video import VideoFile
from ..types import Clip
from .source import Job, SourceConfig


class AudioSource:
    """Log-mel examples of the sound track; none where there is no sound or only silence."""

    def __init__(self, config: SourceConfig):
        self.config = config
        self.notes: list[str] = []

    def clips(self, job: Job) -> Iterator[Clip]:
        """Yield one example per clip. Raises `MediaError` where the container cannot be opened."""
        front_end = FRONT_ENDS[self.config.views[0].front_end or "vggish"]
        record = job.record
        count = 0
        blocks = VideoFile.of(record).sound(front_end.sample_rate)
        for pts_seconds, example in sound_examples(blocks, front_end, self.config.max_seconds):
            count += 1
            yield Clip((record.start_seconds or 0.0) + pts_seconds, (example,))
        self.notes = [] if count else ["no sound"]
