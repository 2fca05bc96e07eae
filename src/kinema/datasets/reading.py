"""A dataset while it is being read: its records as they are found, and the whole when all are."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..types import VideoRecord
from . import load_dataset
from .dataset import Dataset
from .spool import BLOCK, RecordSpool

_LOOK_AGAIN = 0.05  # seconds


class _Stopped(Exception):
    """Nobody wants the rest."""


class DatasetReading:
    """Reads as `load_dataset` does, in a thread of its own, from the moment that it is made.

    Iterating gives the records as they are found, and waits for the next; it ends with the last, and raises
    what reading raised. `stop` it in the end. Records of a streamed layout lie in a `RecordSpool`, and so do
    those of the whole dataset.
    """

    def __init__(self, data: str | Path, **options: Any):
        spool = RecordSpool()
        self._found: Sequence[VideoRecord] = spool
        self._error: BaseException | None = None
        self._dataset: Dataset | None = None
        self._stopped = False
        self._thread = threading.Thread(
            target=self._read, args=(data, options, spool), daemon=True, name="reading a dataset"
        )
        self._thread.start()

    def __iter__(self) -> Iterator[VideoRecord]:
        given = 0
        while not self._stopped:
            ended = self.complete
            while (batch := self._found[given : given + BLOCK]) and not self._stopped:
                yield from batch
                given += len(batch)
            if ended:
                break
            self._thread.join(_LOOK_AGAIN)
        if self._error is not None:
            raise self._error

    def __len__(self) -> int:
        """How many records were found so far."""
        return len(self._found)

    @property
    def complete(self) -> bool:
        """Whether all was found, or reading failed."""
        return not self._thread.is_alive()

    def wait(self, seconds: float) -> None:
        """Give it so long. Raises what reading raised."""
        self._thread.join(seconds)
        if self._error is not None:
            raise self._error

    def dataset(self) -> Dataset:
        """The whole dataset, when it is there. Raises as `load_dataset` does."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        assert self._dataset is not None
        return self._dataset

    def stop(self) -> None:
        """Find no more."""
        self._stopped = True

    def _read(self, data: str | Path, options: dict[str, Any], spool: RecordSpool) -> None:
        def found(record: VideoRecord) -> None:
            if self._stopped:
                raise _Stopped
            spool.append(record)

        try:
            dataset = load_dataset(data, found=found, **options)
            if spool:
                dataset = replace(dataset, records=spool)
            else:  # a layout that knows its records when it has them all
                self._found = dataset.records
            self._dataset = dataset
        except _Stopped:
            pass
        except BaseException as error:
            self._error = error
