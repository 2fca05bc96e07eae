"""The features of videos that have ended become files of the store, several at a time."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from ..features.sequence_file import SequenceWriter
from .engine import Done
from .messages import Finished

# Files that are flushed to the disk at the same time, and videos that wait for it, at most.
AT_ONCE = 4
CHANGED = "the file changed while it was read; start again when it is written"


def committed(
    videos: Iterable[Done[SequenceWriter]],
    unchanged: Callable[[int], bool],
    stored: Callable[[int, int], None],
    *,
    ahead: bool,
) -> Generator[Done[SequenceWriter], None, None]:
    """The videos in their order, each when its file is there.

    With `ahead` others go on while a file is flushed, which takes milliseconds: a GPU would wait for them.
    `unchanged(number)` says whether a video's file still is the one that was read; where it is not, its
    features are dropped. `stored(number, bytes)` is told of each file. Raises `OSError` of the disk.
    """
    waiting: deque[tuple[Done[SequenceWriter], Future[None] | None]] = deque()

    def first() -> Done[SequenceWriter]:
        done, committing = waiting.popleft()
        if committing is not None and done.sink is not None:
            committing.result()
            stored(done.number, done.sink.size)
        return done

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="commit") as threads:
        for done in videos:
            if done.sink is not None and not unchanged(done.number):
                done.sink.discard()
                done = Done(done.number, None, Finished(error=CHANGED))
            waiting.append((done, threads.submit(done.sink.commit) if done.sink is not None else None))
            while len(waiting) > (AT_ONCE if ahead else 0):
                yield first()
        while waiting:
            yield first()
