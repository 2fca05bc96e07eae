"""What the routes about videos share: who is let in, what may be asked, and how it is answered."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from fastapi import Query, Request
from fastapi.responses import JSONResponse

from ..errors import KinemaError, UsageError
from .base import NOT_STORED, problems
from .clips import Given, given_file
from .decoders import Lease
from .desk import Desk
from .errors import Refused, status_of
from .scratch import Scratch
from .service import Service

T = TypeVar("T")
REFUSALS = problems(400, 404, 408, 413, 415, 422, 429, 503, 507)
SHORTEST_WINDOW, LONGEST_WINDOW = 0.05, 60.0
# Windows that are open at one time: each holds its features in memory.
MOST_OPEN = 20

PathQuery = Annotated[str | None, Query(description="A file below --root, in place of an upload.")]
TopQuery = Annotated[int, Query(description="How many classes to show.", ge=1, le=100_000)]
ScoreQuery = Annotated[
    float | None, Query(description="Answer unknown where the best score is lower.", ge=0, le=1)
]
RiskQuery = Annotated[
    float | None,
    Query(description="The share of known videos that may be refused as unknown.", ge=0, le=1),
]
SecondsQuery = Annotated[float, Query(ge=SHORTEST_WINDOW, le=LONGEST_WINDOW, allow_inf_nan=False)]
OptionalSeconds = Annotated[float | None, Query(ge=SHORTEST_WINDOW, le=LONGEST_WINDOW, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class Reception:
    """What the routes share: who answers, who is let in, and where uploads lie."""

    service: Service
    desk: Desk
    scratch: Scratch

    @asynccontextmanager
    async def file(self, request: Request, named: str | None) -> AsyncGenerator[Given, None]:
        """The request's file, with a place inside for as long as it is worked on."""
        service = self.service
        with self.desk.place():
            async with given_file(request, named, self.scratch, service.shelf.root, service.limits) as given:
                try:
                    yield given
                except KinemaError as error:
                    raise given.named(error) from None

    async def answer(
        self, request: Request, named: str | None, work: Callable[[Path, Lease], T]
    ) -> tuple[Given, T]:
        """The file, and what `work` makes of it when its turn has come."""
        async with self.file(request, named) as given:
            return given, await self.desk.work(lambda lease: work(given.path, lease), lambda: gone(request))

    def least(self, min_score: float | None, risk: float | None) -> float | None:
        """The score below which the answer is unknown. Raises `UsageError` as `LoadedRun.bound` does."""
        if risk is None:
            return min_score
        if min_score is not None:
            raise UsageError("risk and min_score both say when to answer unknown; give one of them")
        return self.service.run.bound(risk)


async def gone(request: Request) -> bool:
    """Returns when the client is gone."""
    while not await request.is_disconnected():
        await asyncio.sleep(0.5)
    return True


def check_open(window: float, stride: float) -> None:
    """Raise `Refused` (400) for windows that overlap too much."""
    if window / stride > MOST_OPEN:
        least = window / MOST_OPEN
        raise Refused(400, f"more than {MOST_OPEN} windows overlap; give a stride of {least:.3g} s or more")


def answered(value: Any) -> JSONResponse:
    """An answer that nobody keeps."""
    return JSONResponse(value, headers=NOT_STORED)


async def continued(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """A streamed answer whose beginning is there; what goes wrong from here on is its last line."""
    yield first
    try:
        async for part in rest:
            yield part
    except KinemaError as error:
        yield json_line({"error": str(error), "status": status_of(error)})


def json_line(event: dict[str, Any]) -> bytes:
    """A line of a streamed answer."""
    return json.dumps(event, ensure_ascii=False, allow_nan=False).encode() + b"\n"
