"""Objects fetched a little ahead of those who read them, so that nobody waits for the network alone."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from ..urls import in_bucket
from .cache import local

Item = TypeVar("Item")


def fetched_ahead(items: Iterable[Item], path_of: Callable[[Item], Path], count: int) -> Iterator[Item]:
    """The items; where their files are in buckets, `count` of them are fetched before they are asked for.

    What cannot be fetched is told by whoever opens it. One thread at a time may ask.
    """
    items = iter(items)
    first = next(items, None)
    if first is None:
        return
    if not in_bucket(path_of(first)):
        yield first
        yield from items
        return
    with ThreadPoolExecutor(count, thread_name_prefix="fetch") as pool:
        waiting: deque[tuple[Item, Future[Path]]] = deque([(first, pool.submit(local, path_of(first)))])
        try:
            while waiting:
                while len(waiting) <= count and (item := next(items, None)) is not None:
                    waiting.append((item, pool.submit(local, path_of(item))))
                item, future = waiting.popleft()
                future.exception()
                yield item
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
