"""Answers for many videos as Parquet: a row a video, columns as the keys of `predict --json`.

`video` and `label` are text, `score` a number, `top` the best classes with their scores, `unknown` whether no
class was likely enough (null where nobody asked), `error` why there is no answer.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..atomic import atomic_open
from ..errors import WorkError
from ..keys import fingerprint

_BEST = pa.list_(pa.struct([("label", pa.string()), ("score", pa.float64())]))
SCHEMA = pa.schema(
    [
        ("video", pa.string()),
        ("label", pa.string()),
        ("score", pa.float64()),
        ("top", _BEST),
        ("unknown", pa.bool_()),
        ("error", pa.string()),
    ]
)
_FACTS = b"kinema.answers"
ROWS = 1 << 16  # of a row group


class Answers:
    """The answers for some videos, in a file of their own: `asked` and `videos` tell whether it is theirs."""

    def __init__(self, path: Path, asked: Mapping[str, Any], videos: Sequence[str]):
        self.path = path
        names = [os.fsencode(video).hex() for video in videos]
        self._digest = fingerprint({"asked": dict(asked), "videos": names})

    @property
    def failed(self) -> int | None:
        """How many of the rows are errors; None where the file is not there, not whole, or not theirs."""
        try:
            facts = json.loads((pq.read_schema(self.path).metadata or {})[_FACTS])
            return int(facts["failed"]) if facts["digest"] == self._digest else None
        except (OSError, pa.ArrowException, KeyError, ValueError):
            return None

    def write(self, rows: Sequence[Mapping[str, Any]]) -> int:
        """Write the file; how many of the rows are errors. Raises `WorkError` where that cannot be."""
        failed = sum(row.get("error") is not None for row in rows)
        facts = {"digest": self._digest, "failed": failed}
        columns: dict[str, list[Any]] = {name: [row.get(name) for row in rows] for name in SCHEMA.names}
        columns["video"] = [_text(name) for name in columns["video"]]
        schema = SCHEMA.with_metadata({_FACTS: json.dumps(facts).encode()})
        with _whole(self.path) as file, pq.ParquetWriter(file, schema) as writer:
            writer.write_table(pa.Table.from_pydict(columns, schema))
        return failed


def join_answers(parts: Sequence[Path], out: Path) -> None:
    """Write the rows of all parts, in order, to one file. Raises `WorkError` where that cannot be."""
    with _whole(out) as file, pq.ParquetWriter(file, SCHEMA) as writer:
        waiting: list[pa.Table] = []
        for path in parts:
            waiting.append(pq.read_table(path, partitioning=None).replace_schema_metadata(None))
            if sum(table.num_rows for table in waiting) >= ROWS:
                writer.write_table(pa.concat_tables(waiting))
                waiting = []
        if waiting:
            writer.write_table(pa.concat_tables(waiting))


@contextmanager
def _whole(path: Path) -> Iterator[IO[bytes]]:
    """A file that appears when the block ends, and not where it raises."""
    try:
        with atomic_open(path, "wb") as file:
            yield file
    except OSError as error:
        reason = error.strerror or str(error)
        raise WorkError(
            f"cannot write {path} ({reason}); free some space, then start again to go on"
        ) from None


def _text(name: str) -> str:
    """A file name need not be UTF-8."""
    return name.encode("utf-8", "backslashreplace").decode()
