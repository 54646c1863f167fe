"""The API under made-up requests: every answer is one that its description allows, and none is an error of ours."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import jsonschema
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sentinel.exposition.openapi import openapi
from tests.exposition.raw import answer_to, status_of
from tests.exposition.reports import full_report, report
from tests.exposition.served import Served
from tests.support.process import PATIENCE_SECONDS

DESCRIPTION = openapi()
OPERATIONS = sorted(path for path, methods in DESCRIPTION["paths"].items() if "get" in methods)
MODELS = (("churn", "7"), ("a/b", "c"), ("ü ?", "#"), ("%2F", ".."))
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FETCH")
NAMES = st.one_of(st.sampled_from([name for pair in MODELS for name in pair]), st.text(max_size=40))
HEADER_TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=60)
HEADERS = st.dictionaries(
    st.sampled_from(["Accept", "Accept-Encoding", "Authorization", "Origin", "Cookie", "Range", "If-Match", "X-Other"]),
    HEADER_TEXT,
    max_size=4,
)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """A server with a few models."""
    with Served(reports=(full_report(), *(report(*pair) for pair in MODELS[1:]))) as served:
        yield served


def _ask(
    served: Served, method: str, path: str, headers: dict[str, str], body: bytes
) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection(served.address, timeout=PATIENCE_SECONDS)
    try:
        connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "components": DESCRIPTION["components"]}


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    operation=st.sampled_from(OPERATIONS),
    names=st.tuples(NAMES, NAMES),
    method=st.sampled_from(METHODS),
    headers=HEADERS,
    query=st.text(max_size=40),
    body=st.binary(max_size=200),
)
@example(operation="/api/v1/models", names=("", ""), method="GET", headers={}, query="", body=b"")
@example(
    operation="/api/v1/models/{model}/{version}/report",
    names=MODELS[3],
    method="GET",
    headers={},
    query="",
    body=b"",
)
def test_every_answer_is_as_described(
    served: Served,
    operation: str,
    names: tuple[str, str],
    method: str,
    headers: dict[str, str],
    query: str,
    body: bytes,
) -> None:
    """Whatever is asked: a status that the description names, a body of its schema, and the usual headers."""
    path = operation.format(model=quote(names[0], safe=""), version=quote(names[1], safe=""))
    status, answered, text = _ask(served, method, f"{path}?{quote(query)}", headers, body)
    described = DESCRIPTION["paths"][operation]
    responses = described.get(method.lower(), described["get"])["responses"]
    assert str(status) in responses
    assert answered["X-Content-Type-Options"] == "nosniff"
    if method == "HEAD":
        assert text == b""
        return
    assert method == "GET" or status in (400, 403, 404, 405)
    assert answered["Content-Type"] == "application/json"
    response = responses[str(status)]
    if "$ref" in response:
        response = DESCRIPTION["components"]["responses"][response["$ref"].rpartition("/")[2]]
    jsonschema.validate(json.loads(text), _resolved(response["content"]["application/json"]["schema"]))
    if status == 200 and "{model}" in operation:
        assert names in MODELS


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300), st.sampled_from([b"", b"GET /livez HTTP/1.1\r\n", b"GET /metrics HTTP/1.1\r\nHost: "]))
def test_bytes_that_are_no_request_harm_nothing(served: Served, noise: bytes, opening: bytes) -> None:
    """Random bytes get an answer of this protocol or none, never a 500, and the next request is answered."""
    answer = answer_to(served, opening + noise + b"\r\nConnection: close\r\n\r\n", timeout_seconds=0.2)
    assert status_of(answer) < 500 or status_of(answer) == 505
    assert served.ask("/livez").status == 200


def test_the_description_is_served_and_leaves_no_path_out(served: Served) -> None:
    """It is OpenAPI 3.1 whose references lead somewhere, and it names every path that the API has."""
    told = json.loads(served.ask("/api/v1/openapi.json").body)
    assert told == json.loads(json.dumps(DESCRIPTION))
    assert told["openapi"] == "3.1.0"
    text = json.dumps(told)
    for name in set(text.split('"#/components/')[1:]):
        kind, _, key = name.partition('"')[0].partition("/")
        assert key in told["components"][kind]
    for entry in json.loads(served.ask("/api/v1/models").body)["models"]:
        assert {served.ask(link).status for link in entry["links"].values()} == {200}
