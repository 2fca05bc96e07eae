"""A process that extracts features and trains cells for a study, one task after the other.

It is started as `python -m kinema.workflows.study_process PIPE PARENT`, and ends when either of them does.
"""

from __future__ import annotations

import signal
import sys
from dataclasses import replace
from multiprocessing.connection import Connection
from types import FrameType
from typing import TYPE_CHECKING

from ..extraction.child import PIPE_GONE, end_with

if TYPE_CHECKING:
    from .study_messages import Assignment


def serve(connection: Connection) -> None:
    """Answer every task by its `Ended`, until the pipe closes."""
    from ..backbones.tell import LISTENER
    from ..features.reader import SEQUENCES
    from ..weights.find import DOWNLOADS
    from .study_cells import CellRunner  # torch takes seconds, in which the parent may die
    from .study_messages import Ended, PipeEvents

    given: Assignment = connection.recv()
    events = PipeEvents(connection)
    LISTENER.set(events.note)
    DOWNLOADS.set(events.download)
    SEQUENCES.shared_by(given.jobs)
    runner = CellRunner(given.folder, given.plan, replace(given.context, events=events), given.jobs)
    while True:
        connection.send(Ended(runner.do(connection.recv())))


def main() -> None:
    """Entry point of the process. SIGINT, which reaches a whole group, is the parent's; it sends SIGTERM."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, stop)
    end_with(int(sys.argv[2]))
    try:
        serve(Connection(int(sys.argv[1])))
    except (*PIPE_GONE, KeyboardInterrupt):
        return


if __name__ == "__main__":
    main()
