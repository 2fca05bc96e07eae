"""The answers as the OpenAPI documentation shows them: what `kinema VERB --json` prints."""

from typing import Any

from pydantic import BaseModel, Field

from .upload import FIELD


class Score(BaseModel):
    label: str
    score: float


class Answer(BaseModel):
    """`label` is null and `unknown` true where the best score is below what was asked for."""

    video: str = Field(description="The name that the client gave; for display.")
    label: str | None
    score: float
    top: list[Score]
    unknown: bool | None = None


class Segment(BaseModel):
    start: float = Field(description="Seconds. Segments of a run that was taught segments may overlap.")
    end: float
    label: str | None
    score: float
    top: list[Score] | None = Field(None, description="Not of a run that was taught segments.")
    unknown: bool | None = None


class Timeline(BaseModel):
    video: str
    timeline: list[Segment]


class Embedding(BaseModel):
    video: str
    vector: list[float]
    fingerprint: str = Field(description="Of the run; vectors of two runs cannot be compared.")


class Hit(BaseModel):
    path: str
    label: str | None
    score: float = Field(description="Cosine of the angle, -1 to 1.")


class Verdict(BaseModel):
    error: float
    threshold: float
    percentile: float
    anomalous: bool


class VideoVerdict(Verdict):
    video: str


class Stretch(Verdict):
    start: float
    end: float


class VerdictTimeline(BaseModel):
    video: str
    timeline: list[Stretch]


# A file, or nothing where ?path= names one below --root.
BODY: dict[str, Any] = {
    "requestBody": {
        "required": False,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [FIELD],
                    "properties": {FIELD: {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}
