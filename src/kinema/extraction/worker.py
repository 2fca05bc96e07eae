"""A worker process: takes jobs from a pipe, decodes, and sends clips back.

It is started as `python -m kinema.extraction.worker FD`, so that neither the caller's main module nor torch
is imported again, and it ends by itself when the other end of the pipe is gone.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from multiprocessing.connection import Connection

from ..errors import KinemaError
from ..streams.source import Job, Source, SourceConfig, make_source
from .messages import Finished, Ready

_PIPE_GONE = (EOFError, BrokenPipeError, ConnectionResetError)
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}


def serve(connection: Connection) -> None:
    """Answer jobs until the pipe closes. The first message is the configuration of the source."""
    config, threads = connection.recv()
    assert isinstance(config, SourceConfig)
    source = make_source(config, threads=threads)
    connection.send(Ready())
    while True:
        connection.send(_work(connection, source, connection.recv()))


def _work(connection: Connection, source: Source, job: Job) -> Finished:
    """Send the clips of one job; returns how it ended. Any other error is a bug and ends the process."""
    try:
        for clip in source.clips(job):
            connection.send(clip)
    except _PIPE_GONE:
        raise
    except KinemaError as error:
        return Finished(error=str(error))
    except (ValueError, ArithmeticError, MemoryError, OSError) as error:
        text = " ".join(f"{type(error).__name__}: {error}".split())
        return Finished(error=text, fatal=getattr(error, "errno", None) in _DISK)
    return Finished(tuple(source.notes))


def main() -> None:
    """Entry point of the process; SIGINT is the parent's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(1)
    try:
        serve(Connection(int(sys.argv[1])))
    except _PIPE_GONE:
        return


if __name__ == "__main__":
    main()
