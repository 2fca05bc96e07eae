"""A worker process: takes jobs from a pipe, decodes, and sends clips back.

It is started as `python -m kinema.extraction.worker FD PARENT`, so that neither the caller's main module nor
torch is imported again, and it ends by itself when the other end of the pipe, or the parent, is gone.
"""

import ctypes
import os
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection

from ..errors import KinemaError
from ..media.video import VideoFile
from ..streams.base import Tools
from .inline import messages_of
from .messages import Finished, Job, Ready

PR_SET_PDEATHSIG = 1  # <sys/prctl.h>
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


def end_with(parent: int) -> None:
    """End this process soon after its parent, in the midst of whatever it does.

    Linux is asked to kill it; elsewhere a thread looks once a second whether the parent is still the same.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)
        return

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=look, daemon=True).start()


def main() -> None:
    """Entry point of the process; SIGINT and SIGTERM, which may reach a whole group, are the parent's."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    end_with(int(sys.argv[2]))
    os.nice(1)
    try:
        serve(Connection(int(sys.argv[1])))
    except _PIPE_GONE:
        return


if __name__ == "__main__":
    main()
