"""The base of everything that a recipe declares: frozen, validated, and closed to unknown keys."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]


class Settings(BaseModel):
    """One section of a recipe."""

    model_config = ConfigDict(frozen=True, extra="forbid")
