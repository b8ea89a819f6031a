"""Whatever the OpenAPI description allows is answered as it says, and what it does not allow is refused as it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.serving.conftest import tone, wav

schemathesis = pytest.importorskip("schemathesis", reason="no schemathesis: pip install schemathesis")

HEADERS = {"host": "localhost"}


@pytest.fixture(scope="module")
def described(
    make_service: Callable[..., Any], collection: Any, language_model: Any, tmp_path_factory: Any
) -> Iterator[Any]:
    from fastapi.testclient import TestClient

    from audiotag.serving.app import application

    contents = {"collection": collection, "language_model": language_model}
    service = make_service(tmp_path_factory.mktemp("schema"), **contents, megabytes=1.0)
    app = application(service)
    sent = TestClient(app, base_url="http://localhost").post("/tag", content=wav(tone("low"))).json()["sound"]
    yield schemathesis.openapi.from_asgi("/openapi.json", app, headers=HEADERS), sent


def name(case: Any, sent: str) -> None:
    """Make what the description allows about a recording that was sent."""
    case.path_parameters |= {key: sent for key in case.path_parameters if key == "sound"}
    if case.operation.path == "/corrections":
        case.body["sound"] = sent
    elif case.method == "POST":
        case.query["sound"], case.body = sent, b""


def check(described: Any, examples: int) -> dict[bool, int]:
    """Send examples of every operation, good and bad; how many were answered as asked, and how many refused."""
    import hypothesis
    from schemathesis.specs.openapi.checks import positive_data_acceptance  # no schema says which bytes are sound

    schema, sent = described
    counts = {True: 0, False: 0}
    settings = {"deadline": None, "database": None, "derandomize": True}
    settings |= {"suppress_health_check": list(hypothesis.HealthCheck)}
    for found in schema.get_all_operations():
        operation = found.ok()

        @hypothesis.settings(max_examples=examples, **settings)
        @hypothesis.given(case=operation.as_strategy(), is_named=hypothesis.strategies.booleans())
        def answers_as_described(case: Any, is_named: bool) -> None:
            if is_named and case.meta.generation.mode.is_positive:
                name(case, sent)
            answer = case.call_and_validate(headers=HEADERS, timeout=60, excluded_checks=[positive_data_acceptance])
            counts[answer.status_code < 300] += 1

        answers_as_described()
    return counts


def test_every_operation_answers_as_described(described) -> None:
    counts = check(described, 5)
    assert counts[True] > 5 < counts[False]


@pytest.mark.slow
def test_many_examples_of_every_operation(described) -> None:
    counts = check(described, 100)
    assert counts[True] > 100 < counts[False]
