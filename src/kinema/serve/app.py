"""The application: a run, its routes and its page."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from .about import about_routes
from .base import base_app
from .desk import Desk
from .downloads import download_routes
from .guard import Access
from .metrics import Counting, Metrics
from .reception import Reception
from .scratch import Scratch
from .service import Service
from .timelines import timeline_routes
from .videos import video_routes
from .webcam import webcam_routes

DESCRIPTION = "Names the actions in a video, with a trained run of Kinema."


def create_app(service: Service, scratch: Scratch, access: Access) -> FastAPI:
    """The server of one run, as an ASGI application. `service` and `scratch` are closed by who made them."""
    limits = service.limits
    desk = Desk(service.workers, limits.waiting, limits.work_seconds)
    metrics = Metrics(service, desk)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
        yield
        desk.close()

    app = base_app("Kinema", DESCRIPTION, access, lifespan)
    app.add_middleware(Counting, metrics=metrics)
    app.include_router(about_routes(service, desk, metrics))
    reception = Reception(service, desk, scratch)
    app.include_router(video_routes(reception))
    app.include_router(timeline_routes(reception))
    app.include_router(download_routes())
    app.include_router(webcam_routes(service, access))
    return app
