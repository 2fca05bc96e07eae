"""The API as its own documentation declares it, fuzzed: no 5xx, and only what is declared."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def fuzz(url: str, examples: int) -> int:
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    called = 0
    for result in schema.get_all_operations():
        operation = result.ok()

        def check(case) -> None:
            nonlocal called
            called += 1
            case.call_and_validate(checks=CHECKS, timeout=60)

        run = schemathesis_given(operation)(check)
        settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))(run)()
    return called


def schemathesis_given(operation):
    from hypothesis import given

    return given(case=operation.as_strategy())


def test_a_few_requests_of_each_kind(url: str) -> None:
    assert fuzz(url, 3) >= 10


@pytest.mark.slow
def test_many_requests_of_each_kind(url: str) -> None:
    assert fuzz(url, 300) >= 1000
