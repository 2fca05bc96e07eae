"""Sound as log-mel examples."""

from __future__ import annotations

from collections.abc import Iterator

from ..audio.logmel import FRONT_ENDS
from ..audio.track import audio_examples
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
        for pts_seconds, example in audio_examples(
            record.path,
            front_end,
            start_seconds=record.start_seconds,
            end_seconds=record.end_seconds,
            max_seconds=self.config.max_seconds,
        ):
            count += 1
            yield Clip(pts_seconds, (example,))
        self.notes = [] if count else ["no sound"]
