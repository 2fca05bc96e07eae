"""A worker process: takes jobs from a pipe, decodes, and sends clips back.

It is started as `python -m kinema.extraction.worker PIPE MEMORY PARENT`: neither the caller's main module nor
torch is imported again. It ends by itself when the other end of the pipe, or the parent, is gone.
"""

from multiprocessing.connection import Connection

from ..errors import KinemaError
from ..media.video import VideoFile
from ..streams.base import Tools
from .child import PIPE_GONE, decoding_main
from .inline import messages_of
from .messages import Finished, Job, Ready, Setting
from .slots import ClipSender


def serve(connection: Connection, memory: int) -> None:
    """Answer until the pipe closes: a `Setting` by `Ready`, a job by its clips and its end.

    Errors but those of a file, or of the disk, are bugs and end the process.
    """
    sender = ClipSender(connection, memory)
    setting: Setting | None = None
    while True:
        asked: Setting | Job = sender.receive()
        if isinstance(asked, Setting):
            setting = asked
            tools = Tools(asked.resources, threads=asked.threads, resizes_later=asked.resizes_later)
            connection.send(Ready())
            continue
        assert setting is not None, "the first message is a setting"
        try:
            for message in messages_of(setting.stream, VideoFile.of(asked.record), asked.task, tools):
                sender.send(message)
        except PIPE_GONE:
            raise
        except (KinemaError, OSError) as error:
            sender.send(Finished.of(error))


if __name__ == "__main__":
    decoding_main(serve)
