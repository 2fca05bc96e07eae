"""The routes that answer about a video: predict, timeline, embed, search, anomaly, and preview."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from ..errors import KinemaError, UsageError
from ..inference.answers import (
    TOP,
    prediction_facts,
    segment_facts,
    timeline_facts,
    verdict_facts,
    verdicts_facts,
)
from ..inference.segments import segments
from ..inference.timeline import is_timeline
from ..types import Prediction
from .base import NOT_STORED, problems
from .clips import Given, given_file
from .decoders import Lease
from .desk import Desk
from .errors import Refused, status_of
from .moments import MOST, moment_facts, moments
from .schemas import BODY, Answer, Embedding, Hit, Timeline, VerdictTimeline, VideoVerdict
from .scratch import Scratch
from .service import Service

T = TypeVar("T")
LINES = "application/x-ndjson"
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


def video_routes(reception: Reception) -> APIRouter:
    """The routes below /api. A refusal is `{"error": ...}`."""
    router = APIRouter(prefix="/api", tags=["videos"])
    service = reception.service

    @router.post("/predict", openapi_extra=BODY, responses={200: {"model": list[Answer]}, **REFUSALS})
    async def predict(
        request: Request,
        path: PathQuery = None,
        top: TopQuery = TOP,
        min_score: ScoreQuery = None,
        risk: RiskQuery = None,
    ) -> Response:
        """What is it? As `kinema predict --json`."""
        least = reception.least(min_score, risk)
        given, found = await reception.answer(request, path, service.predict)
        return _json([{"video": given.name, **prediction_facts(found, top, least)}])

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
        if is_timeline(service.run):
            shown = _Happening(top, min_score, whole, moments)
            if LINES in request.headers.get("accept", ""):
                return await _streamed(reception, request, path, shown)
            given, happened = await reception.answer(request, path, service.happenings)
            rows = segment_facts(happened.segments, min_score)
            return _json([{"video": given.name, "timeline": rows}])
        _check_open(window, stride)
        asked = _Along(window, stride, top, reception.least(min_score, risk), whole, moments)
        if LINES in request.headers.get("accept", ""):
            return await _streamed(reception, request, path, asked)
        given, found = await reception.answer(
            request, path, lambda file, lease: list(service.timeline(file, window, stride, lease))
        )
        parts = [one for one in found if isinstance(one, Prediction)]
        merged = parts if windows else segments(parts, asked.min_score or 0.0)
        return _json([{"video": given.name, "timeline": timeline_facts(merged, top, asked.min_score)}])

    @router.post("/embed", openapi_extra=BODY, responses={200: {"model": Embedding}, **REFUSALS})
    async def embed(request: Request, path: PathQuery = None) -> Response:
        """The embedding of a video."""
        given, vector = await reception.answer(request, path, service.embed)
        return _json({"video": given.name, "vector": vector.tolist(), "fingerprint": service.fingerprint})

    @router.post("/search", openapi_extra=BODY, responses={200: {"model": list[Hit]}, **REFUSALS})
    async def search(
        request: Request, path: PathQuery = None, top: Annotated[int, Query(ge=1, le=1000)] = 10
    ) -> Response:
        """The videos most like it, as `kinema search --json`; where the server was given --embeddings."""
        if service.shelf.embeddings is None:
            raise Refused(404, "there is nothing to search; start the server with --embeddings FILE.parquet")
        _, hits = await reception.answer(request, path, lambda file, lease: service.search(file, top, lease))
        return _json([asdict(hit) for hit in hits])

    @router.post(
        "/anomaly",
        openapi_extra=BODY,
        responses={200: {"model": list[VideoVerdict] | list[VerdictTimeline]}, **REFUSALS},
    )
    async def anomaly(
        request: Request,
        path: PathQuery = None,
        timeline: Annotated[bool, Query(description="Sliding windows: when was it?")] = False,
        window: OptionalSeconds = None,
        stride: OptionalSeconds = None,
    ) -> Response:
        """Is it like the normal ones? As `kinema anomaly score --json`; where there is a --detector."""
        if service.shelf.detector is None:
            raise Refused(404, "there is no detector; start the server with --detector DIR")
        if timeline:
            seconds = window or service.shelf.detector.seconds
            _check_open(seconds, stride or seconds / 2)
            given, found = await reception.answer(
                request, path, lambda file, lease: list(service.anomalies(file, window, stride, lease))
            )
            return _json([{"video": given.name, "timeline": verdicts_facts(found)}])
        given, verdict = await reception.answer(request, path, service.anomaly)
        return _json([{"video": given.name, **verdict_facts(verdict)}])

    @router.post(
        "/preview",
        openapi_extra=BODY,
        response_class=Response,
        responses={200: {"content": {"video/mp4": {}}}, **REFUSALS},
    )
    async def preview(request: Request, path: PathQuery = None) -> Response:
        """The video as an MP4 that browsers play, at most 480 lines, without sound."""
        content = _previewed(reception, request, path)
        first = await anext(content)
        return StreamingResponse(_rest(first, content), media_type="video/mp4", headers=NOT_STORED)

    return router


def _check_open(window: float, stride: float) -> None:
    """Raise `Refused` (400) for windows that overlap too much."""
    if window / stride > MOST_OPEN:
        least = window / MOST_OPEN
        raise Refused(400, f"more than {MOST_OPEN} windows overlap; give a stride of {least:.3g} s or more")


@dataclass(frozen=True, slots=True)
class _Along:
    """How a timeline is asked for."""

    window: float
    stride: float
    top: int
    min_score: float | None
    whole: bool
    moments: bool

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
    return StreamingResponse(_rest(first, lines), media_type=LINES, headers=NOT_STORED)


async def _rest(first: bytes, lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    try:
        async for line in lines:
            yield line
    except KinemaError as error:
        yield _line({"error": str(error), "status": status_of(error)})


async def _lines(
    reception: Reception, request: Request, named: str | None, asked: Asked
) -> AsyncGenerator[bytes, None]:
    loop, ready = asyncio.get_running_loop(), asyncio.Queue[bytes | None]()
    async with reception.file(request, named) as given:

        def work(lease: Lease) -> None:
            for event in asked.events(reception.service, given, lease):
                loop.call_soon_threadsafe(ready.put_nowait, _line(event))

        task = asyncio.ensure_future(reception.desk.work(work, lambda: gone(request)))
        task.add_done_callback(lambda _: ready.put_nowait(None))
        try:
            while (line := await ready.get()) is not None:
                yield line
            await task
        finally:
            task.cancel()


async def _previewed(
    reception: Reception, request: Request, named: str | None
) -> AsyncGenerator[bytes, None]:
    """The bytes of a preview, from a file that is gone when they are sent."""
    with reception.scratch.file(".mp4") as out:
        await reception.answer(
            request, named, lambda file, lease: reception.service.preview(file, out, lease)
        )
        with out.open("rb") as file:
            while block := file.read(1 << 18):
                yield block


def _line(event: dict[str, Any]) -> bytes:
    return json.dumps(event, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _json(value: Any) -> JSONResponse:
    return JSONResponse(value, headers=NOT_STORED)
