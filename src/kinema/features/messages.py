"""What a decoding worker sends: clips, and the end of each job."""

from __future__ import annotations

from dataclasses import dataclass

from ..types import Clip


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of a job: facts worth counting, or why the file could not be read.

    `skipped` says that nobody needed the job any more when its turn came.
    """

    notes: tuple[str, ...] = ()
    error: str | None = None
    skipped: bool = False


Message = Clip | Finished
