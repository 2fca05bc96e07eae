"""The routes about the server itself: its page, its health, the model, and what it counts."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, Response

from .base import asset, problems
from .desk import Desk
from .errors import Refused
from .facts import model_facts
from .metrics import CONTENT_TYPE, Metrics
from .service import Service


def about_routes(service: Service, desk: Desk, metrics: Metrics) -> APIRouter:
    """Everything that needs no video."""
    router = APIRouter(tags=["server"])
    facts = model_facts(service)

    @router.get("/", include_in_schema=False)
    def page() -> Response:
        return asset("index.html")

    @router.get("/health")
    def health() -> dict[str, Any]:
        """Alive, and how busy; asks no token."""
        return {"status": "ok", "inside": desk.inside, "working": desk.working, "capacity": desk.capacity}

    @router.get("/api/model")
    def model() -> dict[str, Any]:
        """The run: classes, accuracy, what it is known to mix up; what this server offers, and its limits."""
        return facts

    @router.get(
        "/api/card",
        response_class=PlainTextResponse,
        responses={200: {"content": {"text/markdown": {}}}, **problems(404)},
    )
    def card() -> Response:
        """The run's model card, in Markdown."""
        try:
            text = (service.run.folder / "README.md").read_text(encoding="utf-8")
        except OSError:
            raise Refused(404, "the run has no model card (README.md); train it again to have one") from None
        return Response(text, media_type="text/markdown")

    @router.get(
        "/metrics",
        response_class=PlainTextResponse,
        responses={200: {"content": {"text/plain": {}}}},
    )
    def numbers() -> Response:
        """What Prometheus reads."""
        return Response(metrics.text(), media_type=CONTENT_TYPE)

    return router
