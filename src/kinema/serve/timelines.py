"""The route that answers when: at once, or line by line while a long video is worked on."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse

from ..inference.answers import TOP, prediction_facts, segment_facts, timeline_facts
from ..inference.segments import segments
from ..inference.timeline import is_timeline
from ..types import Prediction
from .base import NOT_STORED
from .clips import Given
from .decoders import Lease
from .moments import MOST, moment_facts, moments
from .reception import (
    REFUSALS,
    PathQuery,
    Reception,
    RiskQuery,
    ScoreQuery,
    SecondsQuery,
    TopQuery,
    answered,
    check_open,
    continued,
    gone,
    json_line,
)
from .schemas import BODY, Timeline
from .service import Service

LINES = "application/x-ndjson"


def timeline_routes(reception: Reception) -> APIRouter:
    """Below /api. A refusal is `{"error": ...}`."""
    router = APIRouter(prefix="/api", tags=["videos"])

    @router.post(
        "/timeline",
        openapi_extra=BODY,
        responses={200: {"model": list[Timeline], "content": {LINES: {}}}, **REFUSALS},
    )
    async def timeline(
        request: Request,
        path: PathQuery = None,
        top: TopQuery = TOP,
        min_score: ScoreQuery = None,
        risk: RiskQuery = None,
        window: SecondsQuery = 2.0,
        stride: SecondsQuery = 1.0,
        windows: Annotated[bool, Query(description="The sliding windows behind the segments.")] = False,
        whole: Annotated[
            bool, Query(description="The whole video's answer first; in a streamed answer alone.")
        ] = False,
        moments: Annotated[
            bool, Query(description="Film strips of the moments that decided; in a streamed answer alone.")
        ] = False,
    ) -> Response:
        """When does it happen? As `kinema predict --timeline --json`.

        With `Accept: application/x-ndjson` the answer is a stream of lines: with `whole`, `{"answer"}` of the
        video; `{"video", "windows"}`, how many windows; `{"window"}`, each as soon as it is known;
        `{"timeline"}`, the segments; with `moments`, `{"moments", "strip"}`; or `{"error"}` at any place.

        A run of `--task timeline` answers with its own segments, which may overlap: `window`, `stride` and
        `windows` mean nothing to it, and each `{"window"}` is a stretch of its scores.
        """
        asked: Asked
        if is_timeline(reception.service.run):
            asked = _Happening(top, min_score, whole, moments)
        else:
            check_open(window, stride)
            asked = _Along(window, stride, windows, top, reception.least(min_score, risk), whole, moments)
        if LINES in request.headers.get("accept", ""):
            return await _streamed(reception, request, path, asked)
        given, rows = await reception.answer(
            request, path, lambda file, lease: asked.rows(reception.service, file, lease)
        )
        return answered([{"video": given.name, "timeline": rows}])

    return router


@dataclass(frozen=True, slots=True)
class _Along:
    """How a timeline is asked for."""

    window: float
    stride: float
    windows: bool
    top: int
    min_score: float | None
    whole: bool
    moments: bool

    def rows(self, service: Service, file: Path, lease: Lease) -> list[dict[str, Any]]:
        """The segments, or the windows behind them."""
        found = service.timeline(file, self.window, self.stride, lease)
        parts = [one for one in found if isinstance(one, Prediction)]
        shown = parts if self.windows else segments(parts, self.min_score or 0.0)
        return timeline_facts(shown, self.top, self.min_score)

    def events(self, service: Service, given: Given, lease: Lease) -> Iterator[dict[str, Any]]:
        """The lines of a streamed answer."""
        if self.whole:
            answer = service.predict(given.path, lease)
            yield {"answer": prediction_facts(answer, self.top, self.min_score)}
        parts: list[Prediction] = []
        for found in service.timeline(given.path, self.window, self.stride, lease):
            if isinstance(found, int):
                yield {"video": given.name, "windows": found}
                continue
            parts.append(found)
            (facts,) = timeline_facts([found], self.top, self.min_score)
            yield {"window": facts}
        merged = segments(parts, self.min_score or 0.0)
        yield {"timeline": timeline_facts(merged, self.top, self.min_score)}
        if self.moments:
            chosen = moments(parts, merged)
            yield moment_facts(chosen, lambda times: service.strip(given.path, times, lease))


@dataclass(frozen=True, slots=True)
class _Happening:
    """How the timeline of a run that was taught segments is asked for."""

    top: int
    min_score: float | None
    whole: bool
    moments: bool

    def rows(self, service: Service, file: Path, lease: Lease) -> list[dict[str, Any]]:
        """The segments."""
        return segment_facts(service.happenings(file, lease).segments, self.min_score)

    def events(self, service: Service, given: Given, lease: Lease) -> Iterator[dict[str, Any]]:
        """The lines of a streamed answer: those of `_Along`, its windows the scores to draw."""
        found = service.happenings(given.path, lease)
        rows = segment_facts(found.segments, self.min_score)
        if self.whole:
            yield {"answer": prediction_facts(found.answer, self.top)}
        yield {"video": given.name, "windows": len(found.along)}
        for facts in timeline_facts(found.along, self.top):
            yield {"window": facts}
        yield {"timeline": rows}
        if self.moments and rows:
            best = sorted(rows, key=lambda row: -row["score"])[:MOST]
            chosen = [_as_prediction(row, given) for row in sorted(best, key=lambda row: row["start"])]
            yield moment_facts(chosen, lambda times: service.strip(given.path, times, lease))


def _as_prediction(row: dict[str, Any], given: Given) -> Prediction:
    scores = np.array([row["score"]], np.float32)
    return Prediction(given.path, (row["label"],), scores, row["start"], row["end"])


Asked = _Along | _Happening


async def _streamed(reception: Reception, request: Request, named: str | None, asked: Asked) -> Response:
    """The answer line by line. What goes wrong before the first line is an ordinary refusal."""
    lines = _lines(reception, request, named, asked)
    first = await anext(lines)
    return StreamingResponse(continued(first, lines), media_type=LINES, headers=NOT_STORED)


async def _lines(
    reception: Reception, request: Request, named: str | None, asked: Asked
) -> AsyncGenerator[bytes, None]:
    loop, ready = asyncio.get_running_loop(), asyncio.Queue[bytes | None]()
    async with reception.file(request, named) as given:

        def work(lease: Lease) -> None:
            for event in asked.events(reception.service, given, lease):
                loop.call_soon_threadsafe(ready.put_nowait, json_line(event))

        task = asyncio.ensure_future(reception.desk.work(work, lambda: gone(request)))
        task.add_done_callback(lambda _: ready.put_nowait(None))
        try:
            while (line := await ready.get()) is not None:
                yield line
            await task
        finally:
            task.cancel()
