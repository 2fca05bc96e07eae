"""What one call of the program left behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass
class Called:
    """What one call left behind."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The error, which must be the last line of stderr, and the only one of its kind."""
        lines = [line for line in self.err.splitlines() if line.startswith("error:")]
        assert len(lines) == 1, self.err
        assert self.err.splitlines()[-1] == lines[0], self.err
        assert "Traceback" not in self.err
        return lines[0]

    @property
    def json(self) -> Any:
        """stdout as one strict JSON document."""

        def refuse(constant: str) -> None:
            raise AssertionError(constant)

        return json.loads(self.out, parse_constant=refuse)


Call = Callable[..., Called]
