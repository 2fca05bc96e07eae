"""Child processes with a pipe: started as modules of their own, and gone when their parent is.

Not `multiprocessing`: neither the caller's main module nor what it has loaded is imported again.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection

PR_SET_PDEATHSIG = 1  # <sys/prctl.h>
PIPE_GONE = (EOFError, BrokenPipeError, ConnectionResetError)


def start_child(module: str, pipe: Connection, *files: int, **environment: str) -> subprocess.Popen[bytes]:
    """`python -m module PIPE FILE... PARENT`, with the descriptors of the pipe and of `files`.

    Linux ends it with the thread that calls this. Raises `OSError`.
    """
    # -P: modules are found where we find them, and never in a working folder that happens to hold an av.py.
    path = os.pathsep.join(folder or os.getcwd() for folder in sys.path)
    given = pipe.fileno(), *files
    command = [sys.executable, "-P", "-m", module, *map(str, given), str(os.getpid())]
    variables = {**os.environ, "PYTHONPATH": path, **environment}
    return subprocess.Popen(command, pass_fds=given, env=variables, stdin=subprocess.DEVNULL)


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


def decoding_main(serve: Callable[[Connection, int], None]) -> None:
    """Entry point of a decoding process: `serve(pipe, memory)` until the pipe closes.

    SIGINT and SIGTERM, which may reach a whole group, are the parent's.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    end_with(int(sys.argv[3]))
    os.nice(1)
    with suppress(*PIPE_GONE):
        serve(Connection(int(sys.argv[1])), int(sys.argv[2]))


def how_it_ended(process: subprocess.Popen[bytes]) -> str:
    """`signal 9`, `exit code 1`, or that it lives and has closed its pipe."""
    try:
        code = process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        return "pipe closed"
    return f"signal {-code}" if code < 0 else f"exit code {code}"
