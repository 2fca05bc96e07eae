"""One video through one stream, in this process: the same for a worker, a prediction and a training."""

import errno
from collections.abc import Iterator

from ..errors import KinemaError, MediaError
from ..media.video import Video
from ..streams.base import StreamSettings, Task, Tools
from .messages import Finished, Message

_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}


def messages_of(stream: StreamSettings, video: Video, task: Task, tools: Tools) -> Iterator[Message]:
    """The clips of one video, in order and in constant memory, then `Finished` with what is worth counting.

    Raises `MediaError` where the video cannot be read or is damaged, `OSError` where the disk is full.
    """
    try:
        maker = stream.open(task, tools, video.times() if stream.needs_times else None)
        if not maker.done:
            items = maker.items(video)
            for item in items:
                yield from maker.push(item)
                if maker.done:
                    break
            close = getattr(items, "close", None)
            if close is not None:
                close()  # then the video can tell what damage was met this far
        video.check()
        yield from maker.finish()
        yield Finished((*video.notes(), *maker.notes))
    except KinemaError:
        raise
    except (ValueError, ArithmeticError, MemoryError, OSError) as error:
        if getattr(error, "errno", None) in _DISK:
            raise
        raise MediaError(f"{video.name}: {type(error).__name__}: {error}; replace the file") from error
