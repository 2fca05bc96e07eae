"""The base of everything that a recipe declares: frozen, validated, and closed to unknown keys."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]


# Marks a key that does not decide what a stored feature holds.
APART = object()


class Settings(BaseModel):
    """One section of a recipe."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def counted(self) -> dict[str, Any]:
        """The keys that decide what a stored feature holds, as plain data: all but those marked `APART`."""
        counted = [name for name, field in type(self).model_fields.items() if APART not in field.metadata]
        values = {name: getattr(self, name) for name in counted}
        return {name: v.counted() if isinstance(v, Settings) else v for name, v in values.items()}
