"""A worker process: takes jobs from a pipe, decodes, and sends clips back.

It is started as `python -m kinema.extraction.worker FD`, so that neither the caller's main module nor torch
is imported again, and it ends by itself when the other end of the pipe is gone.
"""

import os
import signal
import sys
from multiprocessing.connection import Connection

from ..errors import KinemaError
from ..media.video import VideoFile
from ..streams.base import Tools
from .inline import messages_of
from .messages import Finished, Job, Ready

_PIPE_GONE = (EOFError, BrokenPipeError, ConnectionResetError)


def serve(connection: Connection) -> None:
    """Answer jobs until the pipe closes. The first message is the stream and the resources.

    Errors but those of a file, or of the disk, are bugs and end the process.
    """
    stream, resources = connection.recv()
    tools = Tools(resources)
    connection.send(Ready())
    while True:
        job: Job = connection.recv()
        try:
            for message in messages_of(stream, VideoFile.of(job.record), job.task, tools):
                connection.send(message)
        except _PIPE_GONE:
            raise
        except KinemaError as error:
            connection.send(Finished(error=str(error)))
        except OSError as error:
            connection.send(Finished(error=f"{type(error).__name__}: {error}", fatal=True))


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
