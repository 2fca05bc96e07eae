"""The routes that answer about a video: predict, embed, search, anomaly, and preview."""

from collections.abc import AsyncGenerator
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse

from ..inference.answers import TOP, prediction_facts, verdict_facts, verdicts_facts
from .base import NOT_STORED
from .errors import Refused
from .reception import (
    REFUSALS,
    OptionalSeconds,
    PathQuery,
    Reception,
    RiskQuery,
    ScoreQuery,
    TopQuery,
    answered,
    check_open,
    continued,
)
from .schemas import BODY, Answer, Embedding, Hit, VerdictTimeline, VideoVerdict


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
        return answered([{"video": given.name, **prediction_facts(found, top, least)}])

    @router.post("/embed", openapi_extra=BODY, responses={200: {"model": Embedding}, **REFUSALS})
    async def embed(request: Request, path: PathQuery = None) -> Response:
        """The embedding of a video."""
        given, vector = await reception.answer(request, path, service.embed)
        return answered({"video": given.name, "vector": vector.tolist(), "fingerprint": service.fingerprint})

    @router.post("/search", openapi_extra=BODY, responses={200: {"model": list[Hit]}, **REFUSALS})
    async def search(
        request: Request, path: PathQuery = None, top: Annotated[int, Query(ge=1, le=1000)] = 10
    ) -> Response:
        """The videos most like it, as `kinema search --json`; where the server was given --embeddings."""
        if service.shelf.embeddings is None:
            raise Refused(404, "there is nothing to search; start the server with --embeddings FILE.parquet")
        _, hits = await reception.answer(request, path, lambda file, lease: service.search(file, top, lease))
        return answered([asdict(hit) for hit in hits])

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
            check_open(seconds, stride or seconds / 2)
            given, found = await reception.answer(
                request, path, lambda file, lease: list(service.anomalies(file, window, stride, lease))
            )
            return answered([{"video": given.name, "timeline": verdicts_facts(found)}])
        given, verdict = await reception.answer(request, path, service.anomaly)
        return answered([{"video": given.name, **verdict_facts(verdict)}])

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
        return StreamingResponse(continued(first, content), media_type="video/mp4", headers=NOT_STORED)

    return router


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
