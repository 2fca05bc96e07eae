"""Film strips of videos whose features are in the store."""

from ..errors import KinemaError
from ..extraction.extracted import Extracted
from ..report.data import FilmStrip
from ..report.film_strips import film_strip, spread
from ..types import VideoRecord


def strip_of(extracted: Extracted, record: VideoRecord) -> tuple[FilmStrip | None, list[int]]:
    """A film strip at some steps of the record's first stream, and the numbers of these steps.

    None and no steps where the file cannot be shown (any more): its scores stand without pictures.
    """
    try:
        times = extracted.sequence(record, next(iter(extracted.streams))).pts_seconds
        steps = spread(len(times))
        strip = film_strip(
            record.path,
            times[steps].tolist(),
            start_seconds=record.start_seconds,
            end_seconds=record.end_seconds,
            frames=record.frames,
        )
    except KinemaError:
        return None, []
    return strip, steps
