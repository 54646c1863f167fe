"""The door for events under made-up requests: each answer is one that its description allows, and counts are exact."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sentinel.exposition.openapi import openapi
from sentinel.ingest.http_body import MEDIA_TYPES
from sentinel.ingest.http_intake import Intake
from tests.exposition.posted import NDJSON, lines, outcome, prediction, taking
from tests.exposition.served import Served
from tests.support.process import PATIENCE_SECONDS

DESCRIPTION = openapi()
RESPONSES = DESCRIPTION["paths"]["/v1/events"]["post"]["responses"]
TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=40)
HEADERS = st.dictionaries(
    st.sampled_from(
        ["Content-Encoding", "Authorization", "Origin", "ce-specversion", "ce-id", "ce-type", "ce-source", "Range"]
    ),
    st.one_of(TEXT, st.sampled_from(["gzip", "identity", "1.0"])),
    max_size=5,
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(["kind", "model", "prediction_id", "predicted_at", "data"]), inner, max_size=4),
    ),
    max_leaves=12,
)
BODIES = st.one_of(st.binary(max_size=300), VALUES.map(lambda value: json.dumps(value).encode()))
ROWS = st.lists(
    st.one_of(
        st.integers(0, 99).map(lambda number: (True, json.dumps(prediction(number)).encode())),
        st.integers(0, 99).map(lambda number: (True, json.dumps(outcome(number, kind=None)).encode())),
        st.binary(min_size=1, max_size=30).map(lambda noise: (False, b"{" + noise.replace(b"\n", b" "))),
        VALUES.filter(lambda value: not isinstance(value, dict)).map(lambda value: (False, json.dumps(value).encode())),
    ),
    max_size=30,
)
QUIET = settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Intake]]:
    """A server that takes events."""
    with taking(tmp_path_factory.mktemp("state")) as both:
        yield both


def _post(served: Served, path: str, headers: dict[str, str], body: bytes) -> tuple[int, http.client.HTTPMessage, Any]:
    connection = http.client.HTTPConnection(served.address, timeout=PATIENCE_SECONDS)
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, json.loads(answer.read())
    finally:
        connection.close()


@QUIET
@given(
    media_type=st.one_of(st.sampled_from(MEDIA_TYPES), TEXT),
    headers=HEADERS,
    query=st.one_of(st.just(""), st.sampled_from(["kind=outcome", "kind=x"]), TEXT.map(quote)),
    body=BODIES,
)
def test_every_answer_is_as_described(
    door: tuple[Served, Intake], media_type: str, headers: dict[str, str], query: str, body: bytes
) -> None:
    """Whatever is sent: a described status with a body of its schema, and the log grows by what was accepted."""
    served, intake = door
    before = intake.log.end.offset
    status, answered, told = _post(served, f"/v1/events?{query}", {"Content-Type": media_type, **headers}, body)
    assert str(status) in RESPONSES
    assert status < 500
    assert answered["X-Content-Type-Options"] == "nosniff"
    response = RESPONSES[str(status)]
    if "$ref" in response:
        response = DESCRIPTION["components"]["responses"][response["$ref"].rpartition("/")[2]]
    schema = response["content"]["application/json"]["schema"]
    jsonschema.validate(told, {**schema, "components": DESCRIPTION["components"]})
    assert intake.log.end.offset - before == told.get("accepted", 0)


@QUIET
@given(rows=ROWS)
def test_good_and_bad_lines_add_up(door: tuple[Served, Intake], rows: list[tuple[bool, bytes]]) -> None:
    """Whatever stands between them, every good line is taken and every bad line is named, by its number."""
    served, intake = door
    before = intake.log.end.offset
    _, _, told = _post(served, "/v1/events", NDJSON, lines(*(line for _, line in rows)))
    assert [each["line"] for each in told["rejected"]] == [i for i, (good, _) in enumerate(rows, 1) if not good]
    assert told["accepted"] == sum(good for good, _ in rows) == intake.log.end.offset - before
