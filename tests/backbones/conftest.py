"""Fixtures of the backbones' tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kinema.backbones.tell import LISTENER


@pytest.fixture
def told() -> Iterator[list[str]]:
    """What backbones say while they work."""
    lines: list[str] = []
    token = LISTENER.set(lines.append)
    yield lines
    LISTENER.reset(token)
