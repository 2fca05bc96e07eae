"""The application of the label page: its routes, and what they share."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, FastAPI, Query
from fastapi.responses import FileResponse, JSONResponse, Response
from pydantic import BaseModel, Field

from ...labelling.session import Session, Span
from ...types import Segment
from ..base import NOT_STORED, asset, base_app, problems
from ..errors import Refused
from ..guard import Access
from .looking import Looking

if TYPE_CHECKING:  # it brings torch, which those who have no run can do without
    from .suggester import Suggester

DESCRIPTION = "Marks segments of long videos, for `kinema train --task timeline`."
MOST_LINES = 1080
LONGEST_LOOK = 30.0  # seconds of times of frames at once

At = Annotated[float, Query(ge=0, le=1e6, allow_inf_nan=False)]


class SpanBody(BaseModel):
    """`label` null is "nothing in this file"; `end` null is the end of the file."""

    label: str | None
    start: float = Field(0.0, allow_inf_nan=False)
    end: float | None = Field(None, allow_inf_nan=False)

    def span(self) -> Span:
        return Span(self.label, self.start, self.end)


class EditBody(BaseModel):
    """All of it is done, or nothing."""

    file: int
    remove: list[SpanBody] = []
    add: list[SpanBody] = []


@dataclass(frozen=True, slots=True)
class Desk:
    """What the routes share. `step_seconds` is how fine a run sees time; shorter segments are told."""

    session: Session
    looking: Looking
    labels: tuple[str, ...]
    step_seconds: float
    suggester: "Suggester | None" = None

    def own(self) -> tuple[dict[int, list[Segment]], set[int]]:
        """What the annotator has marked in each video, and the videos in which nothing is."""
        marked: dict[int, list[Segment]] = {}
        settled = set()
        for row in self.session.state()["rows"]:
            if not row["mine"]:
                continue
            end = float("inf") if row["end"] is None else row["end"]
            if row["label"] is None:
                settled.add(row["file"])
            elif end > row["start"]:
                marked.setdefault(row["file"], []).append(Segment(row["label"], row["start"], end))
        return marked, settled


def create_label_app(desk: Desk) -> FastAPI:
    """The page and its API, for this machine alone."""
    app = base_app("Kinema label", DESCRIPTION, Access())

    @app.get("/", include_in_schema=False)
    def page() -> Response:
        return asset("label.html")

    @app.get("/health")
    def health() -> dict[str, str]:
        """Alive."""
        return {"status": "ok"}

    app.include_router(_label_routes(desk))
    app.include_router(_video_routes(desk))
    app.include_router(_proposal_routes(desk))
    return app


def _label_routes(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/api", tags=["labels"])
    session = desk.session

    @router.get("/project")
    def project() -> dict[str, Any]:
        """The videos, the classes of the run, and where labels go."""
        return {
            "videos": [video.name for video in session.videos],
            "classes": list(desk.labels),
            "labels": session.labels.name,
            "annotator": session.annotator,
            "step_seconds": desk.step_seconds,
            "proposes": desk.suggester is not None,
        }

    @router.get("/labels", responses=problems(409))
    def labels(version: str = "") -> Response:
        """All rows; where `version` is what the client has, that alone."""
        state = session.state()
        same = state["version"] == version
        return JSONResponse({"version": version} if same else state, headers=NOT_STORED)

    @router.post("/edit", responses=problems(400, 409, 507))
    def edit(body: EditBody) -> Response:
        """Change one video's segments, and answer with all rows when they are on the disk."""
        number = session.number(body.file)
        session.edit(number, [one.span() for one in body.remove], [one.span() for one in body.add])
        return JSONResponse(session.state(), headers=NOT_STORED)

    return router


def _video_routes(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/api/videos", tags=["videos"])
    session, looking = desk.session, desk.looking

    @router.get("/{number}", responses=problems(400, 422))
    def shape(number: int) -> Response:
        """Length, frames a second and size of a video."""
        found = looking.shape(session.videos[session.number(number)].path)
        session.seconds[number] = found.seconds
        if desk.suggester is not None:
            desk.suggester.prefer(number)
        return JSONResponse(asdict(found), headers=NOT_STORED)

    @router.get("/{number}/file", responses=problems(400, 404))
    def file(number: int) -> Response:
        """The file itself, in parts as a player asks for them."""
        path = session.videos[session.number(number)].path
        if not path.is_file():
            raise Refused(404, f"{path.name} is gone; put it back, or start again")
        return FileResponse(path, headers={"Cache-Control": "no-cache"})

    @router.get("/{number}/frame", response_class=Response, responses=problems(400, 422))
    def frame(
        number: int, at: At, lines: Annotated[int, Query(ge=16, le=MOST_LINES)] = MOST_LINES
    ) -> Response:
        """The frame that is on at a moment, as a JPEG; its own time is in the header X-Seconds."""
        found = looking.still(session.videos[session.number(number)].path, at, lines)
        return Response(
            found.jpeg, media_type="image/jpeg", headers={**NOT_STORED, "X-Seconds": f"{found.seconds:.6f}"}
        )

    @router.get("/{number}/times", responses=problems(400, 422))
    def times(number: int, start: At, end: At) -> Response:
        """Times of the frames from the one that is on at `start` to the first at or after `end`."""
        path = session.videos[session.number(number)].path
        found = looking.times(path, start, min(end, start + LONGEST_LOOK))
        return JSONResponse({"seconds": found}, headers=NOT_STORED)

    return router


def _proposal_routes(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/api/proposals", tags=["proposals"])

    def suggester() -> "Suggester":
        if desk.suggester is None:
            raise Refused(404, "nothing proposes here; start it with --run RUN")
        return desk.suggester

    @router.get("", responses=problems(404))
    def proposals() -> Response:
        """How far the run is, the surest segments of all videos, and where to look next."""
        found, (own, settled) = suggester(), desk.own()
        facts = {
            **found.progress(),
            "surest": found.surest(own),
            "next": found.following(own, settled),
        }
        return JSONResponse(facts, headers=NOT_STORED)

    @router.get("/{number}", responses=problems(400, 404))
    def of_video(number: int) -> Response:
        """The segments found in one video that are not marked yet."""
        own, _ = desk.own()
        rows = suggester().segments(desk.session.number(number), own.get(number, []))
        return JSONResponse(rows, headers=NOT_STORED)

    return router
