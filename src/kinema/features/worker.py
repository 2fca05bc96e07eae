"""A worker process: takes jobs from a pipe, decodes, and sends clips back.

It is started as `python -m kinema.features.worker FD`, so that neither the caller's main module nor torch
is imported again, and it ends by itself when the other end of the pipe is gone.
"""

from __future__ import annotations

import os
import signal
import sys
from multiprocessing.connection import Connection

from ..errors import KinemaError
from ..streams.source import Job, SourceConfig, make_source
from .messages import Finished


def serve(connection: Connection) -> None:
    """Answer jobs until the pipe closes. The first message is the configuration of the source."""
    config, threads = connection.recv()
    assert isinstance(config, SourceConfig)
    source = make_source(config, threads=threads)
    while True:
        job: Job = connection.recv()
        try:
            for clip in source.clips(job):
                connection.send(clip)
            connection.send(Finished(tuple(source.notes)))
        except (KinemaError, ValueError, ArithmeticError, MemoryError, OSError) as error:
            if isinstance(error, BrokenPipeError):
                return
            text = str(error) if isinstance(error, KinemaError) else f"{type(error).__name__}: {error}"
            connection.send(Finished(error=" ".join(text.split()) or type(error).__name__))


def main() -> None:
    """Entry point of the process; SIGINT is the parent's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(1)
    try:
        serve(Connection(int(sys.argv[1])))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


if __name__ == "__main__":
    main()
