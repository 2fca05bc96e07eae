"""A worker process: takes jobs from a pipe, decodes, and sends clips back.

It is started as `python -m kinema.extraction.worker PIPE MEMORY PARENT`: neither the caller's main module nor
torch is imported again. It ends by itself when the other end of the pipe, or the parent, is gone.
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
from .messages import Finished, Job, Ready, Setting
from .slots import ClipSender

PR_SET_PDEATHSIG = 1  # <sys/prctl.h>
PIPE_GONE = (EOFError, BrokenPipeError, ConnectionResetError)


def serve(connection: Connection, memory: int) -> None:
    """Answer until the pipe closes: a `Setting` by `Ready`, a job by its clips and its end.

    Errors but those of a file, or of the disk, are bugs and end the process.
    """
    sender = ClipSender(connection, memory)
    setting: Setting | None = None
    while True:
        asked: Setting | Job = sender.receive()
        if isinstance(asked, Setting):
            setting, tools = asked, Tools(asked.resources, threads=asked.threads)
            connection.send(Ready())
            continue
        assert setting is not None, "the first message is a setting"
        try:
            for message in messages_of(setting.stream, VideoFile.of(asked.record), asked.task, tools):
                sender.send(message)
        except PIPE_GONE:
            raise
        except KinemaError as error:
            sender.send(Finished(error=str(error)))
        except OSError as error:
            sender.send(Finished(error=f"{type(error).__name__}: {error}", fatal=True))


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
    end_with(int(sys.argv[3]))
    os.nice(1)
    try:
        serve(Connection(int(sys.argv[1])), int(sys.argv[2]))
    except PIPE_GONE:
        return


if __name__ == "__main__":
    main()
