"""The segments of an answer as a file of another program: JSON, CSV, subtitles, ELAN."""

from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, Field

from ..errors import UsageError
from ..inference.segment_files import WRITERS
from ..types import Segment
from .base import NOT_STORED, problems
from .upload import shown_name

KINDS = {
    "json": "application/json",
    "csv": "text/csv",
    "srt": "application/x-subrip",
    "eaf": "application/xml",
}
MOST = 100_000
Seconds = Annotated[float, Field(ge=0, le=1e7, allow_inf_nan=False)]


class Row(BaseModel):
    """A segment of `/api/timeline`; those without a label are left out."""

    start: Seconds
    end: Seconds
    label: Annotated[str, Field(max_length=1000)] | None
    score: Annotated[float, Field(allow_inf_nan=False)] | None = None


class Answered(BaseModel):
    """What `/api/timeline` answered of one video."""

    video: Annotated[str, Field(max_length=1000)]
    timeline: Annotated[list[Row], Field(max_length=MOST)]


def download_routes() -> APIRouter:
    """Below /api; nothing is computed anew."""
    router = APIRouter(prefix="/api", tags=["videos"])

    @router.post(
        "/segments",
        response_class=Response,
        responses={200: {"content": {kind: {} for kind in KINDS.values()}}, **problems(400)},
    )
    def segments(answered: Answered, form: Literal["json", "csv", "srt", "eaf"] = "json") -> Response:
        """The segments of an answer of `/api/timeline` as a file, as `predict --timeline --out` writes it."""
        if any(row.end <= row.start for row in answered.timeline):
            raise UsageError("a segment ends after it starts; send what /api/timeline answered")
        name = shown_name(answered.video.encode("utf-8", "surrogatepass"))
        rows = [Segment(r.label, r.start, r.end, r.score) for r in answered.timeline if r.label is not None]
        labels = sorted({segment.label for segment in rows})
        # ELAN wants an address: what stands before the name means nothing.
        folder = Path("/") if form == "eaf" else Path()
        ending = f".{form}"
        text = WRITERS[ending](folder / f"{name}{ending}", folder / name, rows, labels)
        # The browser names the file; a name here would have to be quoted in three ways.
        return Response(
            text.encode("utf-8", "replace"),
            media_type=KINDS[form],
            headers={**NOT_STORED, "Content-Disposition": "attachment"},
        )

    return router
