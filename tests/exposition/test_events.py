"""``POST /v1/events``: what is taken, what is refused, and what each answer says."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sentinel.config.formats import Format, Formats
from sentinel.config.sizes import Bytes
from sentinel.config.web import Web
from sentinel.ingest.http_body import MAX_EVENTS
from sentinel.ingest.http_intake import Intake
from sentinel.ingest.http_reader import LogReader
from tests.exposition.posted import NDJSON, lines, logged, logged_roles, outcome, prediction, taking
from tests.exposition.served import Answer, Served

PATH = "/v1/events"
CE = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/serving", "ce-type": "example.prediction"}


@pytest.fixture
def door(tmp_path: Path) -> Iterator[tuple[Served, Intake]]:
    """A server on this machine that takes events."""
    with taking(tmp_path) as both:
        yield both


def _post(served: Served, body: bytes, headers: dict[str, str] | None = None, query: str = "") -> Answer:
    return served.ask(PATH + query, "POST", headers if headers is not None else NDJSON, body)


def _told(answer: Answer) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(answer.body)
    return told


def test_lines_are_taken_in_order(door: tuple[Served, Intake]) -> None:
    """Predictions, outcomes and backfills in one body are logged as they came, each as what it is."""
    served, intake = door
    backfill = {"kind": "backfill", "model": "churn", "prediction_id": "id-0", "features": {"tenure": 3}}
    events = [prediction(0), outcome(0), backfill, prediction(1)]
    answer = _post(served, lines(*events))
    assert (answer.status, _told(answer)) == (202, {"accepted": 4, "rejected": []})
    assert [(role, json.loads(payload)) for role, payload in logged_roles(intake)] == list(
        zip([0, 1, 0, 0], events, strict=True)
    )


def test_bad_lines_are_told_and_the_others_taken(door: tuple[Served, Intake]) -> None:
    """Each line that cannot be read is named with its number and reason; every other line is logged."""
    served, intake = door
    body = lines(
        prediction(0),
        b"\xff\xfe",
        b"",
        b"[1]",
        prediction(1, model="other"),
        prediction(2, kind="guess"),
        prediction(3, prediction_id=""),
        b"{" * 5_000,
        prediction(4, features={"x": "y" * 10_000}),
        b'{"model": "churn", "prediction_id": "a"}',
        prediction(5, prediction_id=7, features={"x": float("nan")}),
        outcome(6, kind=None),
    )
    answer = _post(served, body)
    assert answer.status == 202
    told = _told(answer)
    assert [(each["line"], each["reason"]) for each in told["rejected"]] == [
        (2, "not_json"),
        (4, "not_an_object"),
        (5, "unknown_model"),
        (6, "unknown_kind"),
        (7, "missing_id"),
        (8, "not_json"),
        (9, "oversized"),
        (10, "missing_field"),
    ]
    assert told["accepted"] == 3
    assert [json.loads(each)["prediction_id"] for each in logged(intake)] == ["id-0", 7, "id-6"]
    assert (intake.requests["partial"], intake.n_rejected) == (1, 8)


def test_nothing_but_bad_lines_is_an_error(door: tuple[Served, Intake]) -> None:
    """A request of which nothing was taken has status 400, so that no client takes it for a success."""
    served, intake = door
    answer = _post(served, b"nonsense\n")
    assert (answer.status, _told(answer)["accepted"]) == (400, 0)
    assert logged(intake) == []
    assert _post(served, b"\n\n").status == 202  # a batch that is empty was taken as a whole


@pytest.mark.parametrize(
    ("media_type", "body", "n"),
    [
        ("application/json", json.dumps(prediction(0)).encode(), 1),
        ("application/json; charset=utf-8", json.dumps([prediction(0), outcome(0)]).encode(), 2),
        ("application/json", b"\xef\xbb\xbf [" + json.dumps(prediction(0)).encode() + b"]", 1),
        ("application/json", b"[" + json.dumps(prediction(0, score=float("nan"))).encode() + b"]", 1),
        ("APPLICATION/X-NDJSON", lines(prediction(0)).replace(b"\n", b"\r\n"), 1),
        ("application/x-ndjson", lines(prediction(0)).rstrip(), 1),
    ],
)
def test_forms_of_json(door: tuple[Served, Intake], media_type: str, body: bytes, n: int) -> None:
    """One event, an array, a mark of the byte order, NaN, other line ends, no last line end: all are read."""
    served, intake = door
    answer = _post(served, body, {"Content-Type": media_type})
    assert (answer.status, _told(answer)["accepted"]) == (202, n)
    assert len(logged(intake)) == n


@pytest.mark.parametrize("body", [b"[", b'[{"model": "churn"},]', b"[NaN", b"[" * 100_000])
def test_an_array_that_is_none_is_refused_whole(door: tuple[Served, Intake], body: bytes) -> None:
    """Where the elements cannot be told apart nothing is taken, and the answer says that."""
    served, intake = door
    answer = _post(served, body[:99_000], {"Content-Type": "application/json"})
    assert answer.status == 400
    assert "no array of JSON" in _told(answer)["error"]["message"]
    assert logged(intake) == []
    assert intake.requests["unreadable"] == 1


def test_cloud_events_are_unwrapped(door: tuple[Served, Intake]) -> None:
    """Structured, in batches and in binary mode, a CloudEvent counts as the event that it carries."""
    served, intake = door
    attributes = {"specversion": "1.0", "id": "1", "source": "/serving", "type": "t"}
    in_base64 = base64.b64encode(json.dumps(outcome(1)).encode()).decode()
    batch = [{**attributes, "data": prediction(1)}, {**attributes, "data_base64": in_base64}, {"id": "2"}, attributes]
    answer = _post(served, json.dumps(batch).encode(), {"Content-Type": "application/cloudevents-batch+json"})
    assert [(each["line"], each["reason"]) for each in _told(answer)["rejected"]] == [
        (3, "wrong_type"),
        (4, "empty_value"),
    ]
    one = json.dumps({**attributes, "data": prediction(2)}).encode()
    assert _post(served, one, {"Content-Type": "application/cloudevents+json"}).status == 202
    binary = json.dumps(prediction(3)).encode()
    assert _post(served, binary, {**CE, "Content-Type": "application/json"}).status == 202
    assert [json.loads(each)["prediction_id"] for each in logged(intake)] == ["id-1", "id-1", "id-2", "id-3"]
    halved = {name: value for name, value in CE.items() if name != "ce-type"}
    answer = _post(served, binary, {**halved, "Content-Type": "application/json"})
    assert (answer.status, "ce-type" in answer.text) == (400, True)


def test_other_formats_are_logged_with_their_headers(tmp_path: Path) -> None:
    """Under a configured format a body is only seen to be JSON; the attributes stand by it as Kafka would have them."""
    formats = Formats(predictions=Format(shape="cloudevents"), outcomes=Format(shape="cloudevents"))
    with taking(tmp_path, formats=formats) as (served, intake):
        headers = {**CE, "ce-subject": "caf%C3%A9", "Content-Type": "application/json"}
        assert _post(served, b'{"instances": [[1, 2]]}', headers).status == 202
        structured = {"Content-Type": "application/cloudevents-batch+json"}
        assert _told(_post(served, b'[{"a": 1}, {"b": 2}]', structured, "?kind=outcome"))["accepted"] == 2
        assert _post(served, b"{", headers).status == 400
        reader = LogReader(intake.log, 0)
        first, second = reader.read(99, 1 << 20)
        reader.close()
        assert dict(first.posted.headers[0]) == {
            "ce_specversion": b"1.0",
            "ce_id": b"1",
            "ce_source": b"/serving",
            "ce_type": b"example.prediction",
            "ce_subject": "café".encode(),
            "content-type": b"application/json",
        }
        assert second.posted.payloads == [b'{"a": 1}', b'{"b": 2}']
        assert (first.posted.roles, second.posted.roles) == (b"\0", b"\1\1")
        assert list(second.posted.headers) == [[("content-type", b"application/cloudevents+json")]] * 2


def test_the_sender_may_say_what_events_are(door: tuple[Served, Intake]) -> None:
    """``?kind=`` stands for events without a kind, as a topic does; a kind of their own goes before."""
    served, intake = door
    bare = {"model": "churn", "prediction_id": "a"}
    assert _post(served, lines(bare, prediction(0)), query="?kind=outcome").status == 202
    assert [role for role, _ in logged_roles(intake)] == [1, 0]
    assert _post(served, lines(bare), query="?kind=guess").status == 400


def test_compressed_bodies_are_unpacked(door: tuple[Served, Intake]) -> None:
    """gzip, also in several members, is read; what is no gzip, or not all of it, is refused."""
    served, intake = door
    zipped = {**NDJSON, "Content-Encoding": "gzip"}
    body = gzip.compress(lines(prediction(0))) + gzip.compress(lines(prediction(1)))
    assert _told(_post(served, body, zipped))["accepted"] == 2
    for bad in (b"no gzip", body[:-4], body + b"tail"):
        assert _post(served, bad, zipped).status == 400
    assert _post(served, b"x", {**NDJSON, "Content-Encoding": "br"}).status == 415
    assert len(logged(intake)) == 2


def test_types_that_are_not_read_are_named(door: tuple[Served, Intake]) -> None:
    """Any other type is 415 with those that are read: also what a form on another site's page can send."""
    served, _ = door
    for media_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "image/png"):
        answer = _post(served, lines(prediction(0)), {"Content-Type": media_type})
        assert (answer.status, "application/x-ndjson" in answer.text) == (415, True)


def test_a_page_of_another_site_posts_nothing(door: tuple[Served, Intake]) -> None:
    """A browser that was led here by another page is refused, though nobody has to log in."""
    served, intake = door
    assert _post(served, lines(prediction(0)), {**NDJSON, "Origin": "https://evil.example"}).status == 403
    assert _post(served, lines(prediction(0)), {**NDJSON, "Sec-Fetch-Site": "cross-site"}).status == 403
    assert intake.requests["forbidden"] == 2


@pytest.fixture
def tokens(tmp_path: Path) -> Web:
    """Three who may log in: one posts, one writes, one reads."""
    path = tmp_path / "tokens"
    path.write_text("".join(f"{name} {name}-0123456789abcdef\n" for name in ("serving", "alice", "reader")))
    return Web(bearer_token_file=str(path), producers=["serving"], writers=["alice"], requests_per_second=100_000.0)


def _bearer(name: str) -> dict[str, str]:
    return {**NDJSON, "Authorization": f"Bearer {name}-0123456789abcdef"}


def test_only_producers_post_and_do_nothing_else(tmp_path: Path, tokens: Web) -> None:
    """A producer's token posts events and reads nothing; a writer's or reader's token posts none; nor does nobody."""
    with taking(tmp_path, tokens) as (served, intake):
        body = lines(prediction(0))
        assert _post(served, body, _bearer("serving")).status == 202
        for name in ("alice", "reader"):
            answer = _post(served, body, _bearer(name))
            assert (answer.status, "web.producers" in answer.text) == (403, True)
            assert served.ask("/api/v1/models", headers=_bearer(name)).status == 200
        assert _post(served, body).status == 401
        assert _post(served, body, {**NDJSON, "Authorization": "Bearer wrong-0123456789abcdef"}).status == 401
        for path in ("/", "/metrics", "/api/v1/models", "/-/reload"):
            assert served.ask(path, headers=_bearer("serving")).status == 403
        assert served.ask("/livez").status == 200
        assert len(logged(intake)) == 1


def test_an_open_port_takes_nothing_unless_it_is_told_to(tmp_path: Path) -> None:
    """Where nobody logs in and a network reaches the port, events need an explicit setting."""
    with taking(tmp_path / "shut", host="0.0.0.0") as (served, intake):
        answer = _post(served, lines(prediction(0)))
        assert (answer.status, "allow_anonymous" in answer.text) == (403, True)
        assert logged(intake) == []
    with taking(tmp_path / "open", host="0.0.0.0", allow_anonymous=True) as (served, _):
        assert _post(served, lines(prediction(0))).status == 202


def test_before_the_checkpoint_is_known_clients_are_told_to_come_again(tmp_path: Path) -> None:
    """While the daemon starts, events get 503 with Retry-After, and nothing of them is kept."""
    with taking(tmp_path, ready=False) as (served, intake):
        answer = _post(served, lines(prediction(0)))
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        intake.log.take_from(0)
        assert _post(served, lines(prediction(0))).status == 202
        assert intake.requests["failed"] == 1


def test_a_full_log_pushes_back(tmp_path: Path) -> None:
    """Events that nobody counts fill the log; then 503 with Retry-After, until a checkpoint lets some go."""
    with taking(tmp_path, max_log_bytes=Bytes(1_600_000)) as (served, intake):
        body = lines(*(prediction(i, features={"x": "y" * 4_000}) for i in range(22)))
        statuses = [_post(served, body).status for _ in range(30)]
        assert statuses == sorted(statuses)
        assert set(statuses) == {202, 503}
        assert len(logged(intake)) == 22 * statuses.count(202)
        answer = _post(served, body)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        assert intake.log.statistics().n_bytes <= 1_600_000
        assert intake.requests["full"] == statuses.count(503) + 1
        intake.log.release(intake.log.end.offset)
        assert _post(served, body).status == 202


def test_more_events_than_can_be_answered_are_refused(tmp_path: Path) -> None:
    """Ten thousand lines get an answer each; one more is 413."""
    with taking(tmp_path) as (served, intake):
        answer = _post(served, b"x\n" * MAX_EVENTS)
        assert (answer.status, len(_told(answer)["rejected"])) == (400, MAX_EVENTS)
        assert _post(served, b"x\n" * (MAX_EVENTS + 1)).status == 413
        assert _post(served, b"\n" * 99_000).status == 413
        assert intake.requests["too_large"] == 2


def test_posts_have_a_rate_of_their_own(tmp_path: Path) -> None:
    """A flood of posts is 429 and takes nothing from those who read the console; the other way round as well."""
    with taking(tmp_path, Web(requests_per_second=0.5), requests_per_second=0.5) as (served, _):
        body = lines(prediction(0))
        assert [_post(served, body).status for _ in range(4)] == [202, 202, 429, 429]
        assert [served.ask("/metrics").status for _ in range(4)] == [200, 200, 429, 429]


def test_other_methods_are_refused(door: tuple[Served, Intake]) -> None:
    """Events are posted; nothing is read back."""
    served, _ = door
    for method in ("GET", "PUT", "DELETE", "OPTIONS"):
        assert served.ask(PATH, method).status == 405
