"""Answers and the audit log over HTTP: who may write, what is refused, and what a full disk does."""

from __future__ import annotations

import errno
import json
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sentinel.app.register import Register
from sentinel.clock import ManualClock
from sentinel.config.web import Web
from sentinel.diagnosis.report import Report
from sentinel.exposition.openapi import openapi
from sentinel.pipeline.audit_log import read_audit_log
from tests.exposition.reports import LEAKAGE_ALERT, report
from tests.exposition.served import Answer, Served
from tests.support.process import PATIENCE_SECONDS

READER, WRITER = "r3ader-" + "a" * 40, "wr1ter-" + "b" * 40
AT_US = 1_700_000_000_000_000
MODELS = (("churn", "7"), ("a/b", 'c"'), ("o'n", "acknowledgements"))
PATH = "/api/v1/models/churn/7/acknowledgements"


class Site:
    """A server with its register."""

    def __init__(self, served: Served, register: Register, clock: ManualClock, directory: Path) -> None:
        self.served = served
        self.register = register
        self.clock = clock
        self.directory = directory

    def post(self, body: object, path: str = PATH, token: str = WRITER, **headers: str) -> Answer:
        """Send an answer as JSON."""
        told = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **headers}
        return self.served.ask(path, "POST", told, json.dumps(body).encode() if not isinstance(body, bytes) else body)

    def get(self, path: str) -> Any:
        """What a reader is shown."""
        answer = self.served.ask(path, headers={"Authorization": f"Bearer {READER}"})
        assert answer.status == 200, answer.text
        return json.loads(answer.body)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Three models, a reader and a writer."""
    tokens = tmp_path / "tokens"
    tokens.write_text(f"bob {READER}\nalice {WRITER}\n", encoding="utf-8")
    reports: tuple[Report, ...] = (report(alerts=[LEAKAGE_ALERT]), *(report(*key) for key in MODELS[1:]))
    clock = ManualClock(AT_US)
    register = Register(tmp_path, clock, lambda: reports, dict)
    web = Web(bearer_token_file=str(tokens), writers=["alice"], requests_per_second=100_000.0)
    with Served(web=web, answers=register) as served:
        served.reports = reports
        yield Site(served, register, clock, tmp_path)


def _valid(body: Any, schema: str) -> None:
    described = openapi()
    jsonschema.validate(body, {"$ref": f"#/components/schemas/{schema}", "components": described["components"]})


def test_an_answer_is_kept_and_shown(site: Site) -> None:
    """Who, when, what, and the verdict as it stood; in the list, the audit log and the report."""
    answer = site.post({"answer": "false_alarm", "note": "a holiday", "cause": "target_leakage"})
    assert answer.status == 201
    told = json.loads(answer.body)
    _valid(told, "Answered")
    kept = told["acknowledgement"]
    assert kept == {
        "sequence": 1, "at": "2023-11-14T22:13:20Z", "who": "alice", "model": "churn", "version": "7",
        "answer": "false_alarm", "note": "a holiday", "true_cause": None, "cause": "target_leakage", "confidence": 0.75,
        "probabilities": {"target_leakage": 0.75, "concept_drift": 0.25}, "scorecard": None,
        "through": "2026-11-20T12:00:00Z", "baseline": "d",
    }  # fmt: skip
    listed = site.get(PATH)
    _valid(listed, "AcknowledgementList")
    assert listed["acknowledgements"] == [kept]
    audit = site.get("/api/v1/audit")
    _valid(audit, "AuditList")
    (entry,) = audit["entries"]
    assert (entry["kind"], entry["who"], entry["details"]["note"]) == ("acknowledgement", "alice", "a holiday")
    shown = site.register.shown(site.served.reports)
    assert shown[0].acknowledgement is not None
    assert shown[0].acknowledgement.note == "a holiday"
    assert shown[1] is site.served.reports[1]
    assert site.register.shown(site.served.reports)[0] is shown[0]


def test_the_command_that_silences(site: Site) -> None:
    """For Alertmanager, of the alerts that fire now, quoted for a shell; nothing is silenced by answering."""
    told = json.loads(site.post({"answer": "fixed", "note": "x"}).body)
    assert told["silence"] == (
        "amtool silence add --duration=24h --author=alice '--comment=sentinel acknowledgement 1: fixed' "
        "'model=\"churn\"' 'version=\"7\"' 'alertname=~\"SentinelLeakageSuspected\"'"
    )
    path = f"/api/v1/models/{quote('a/b', safe='')}/{quote(MODELS[1][1])}/acknowledgements"
    told = json.loads(site.post({"answer": "fixed", "note": "x"}, path).body)
    assert told["silence"].endswith("""'model="a/b"' 'version="c\\""'""")


@pytest.mark.parametrize("key", MODELS)
def test_names_may_hold_anything(site: Site, key: tuple[str, str]) -> None:
    """A slash, a quote, the last part of the path itself."""
    path = "/".join(["/api/v1/models", *(quote(part, safe="") for part in key), "acknowledgements"])
    assert site.post({"answer": "confirmed", "note": "yes"}, path).status == 201
    (kept,) = site.get(path)["acknowledgements"]
    assert (kept["model"], kept["version"]) == key


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"answer": "fixed"}, 400, "missing required field `note`"),
        ({"answer": "fixed", "note": "bell \a"}, 400, "no control characters"),
        ({"answer": "fixed", "note": "x" * 2_001}, 400, "length <= 2000"),
        ({"answer": "fixed", "note": "x", "extra": 1}, 400, "unknown field"),
        (b"{", 400, "truncated"),
        (b"\xff", 400, "malformed"),
        (b"[" * 30_000, 400, ""),
        ({"answer": "fixed", "note": "x", "cause": "concept_drift"}, 409, "the verdict is target_leakage by now"),
    ],
)
def test_what_is_refused(site: Site, body: object, status: int, message: str) -> None:
    """A fault has a status and a reason, and leaves no entry."""
    answer = site.post(body)
    assert (answer.status, message in answer.text) == (status, True), answer.text
    assert site.get("/api/v1/audit")["entries"] == []


def test_readers_and_other_sites_write_nothing(site: Site) -> None:
    """403 for who may only read and for a page of another site, 401 for strangers, 404 for no model, 415 for a text."""
    body = {"answer": "fixed", "note": "x"}
    assert site.post(body, token=READER).status == 403
    assert site.post(body, Origin="https://evil.example").status == 403
    assert site.post(body, Origin="null").status == 403
    assert site.post(body, **{"Sec-Fetch-Site": "cross-site"}).status == 403
    assert site.post(body, token="n0body-" + "c" * 40).status == 401
    assert site.post(body, path="/api/v1/models/churn/8/acknowledgements").status == 404
    assert site.post(body, path="/api/v1/models/churn/acknowledgements").status == 404
    assert site.post(body, **{"Content-Type": "text/plain"}).status == 415
    assert site.served.ask(PATH, "PUT", {"Authorization": f"Bearer {WRITER}"}).status == 405
    assert site.get("/api/v1/audit")["entries"] == []


TEXTS = st.one_of(
    st.text(max_size=30), st.sampled_from(["fixed", "other_cause", "concept_drift", "none", "a\nb", "\0"])
)
FIELDS = st.sampled_from(["answer", "note", "true_cause", "cause", "else"])
VALUES = st.one_of(TEXTS, st.none(), st.integers(), st.lists(TEXTS, max_size=2))


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.dictionaries(FIELDS, VALUES), st.binary(max_size=60)), st.booleans())
def test_no_body_breaks_it(site: Site, body: object, as_form: bool) -> None:
    """Whatever a writer sends, as JSON or as a form: kept or refused as described, and the chain holds."""
    if as_form:
        fields = body if isinstance(body, dict) else {}
        body = urlencode(fields, errors="replace").encode() if fields else body
    kind = "application/x-www-form-urlencoded" if as_form else "application/json"
    answer = site.post(body, **{"Content-Type": kind})
    assert answer.status in (200, 201, 400, 409), answer.text
    assert all(line.fault is None for line in read_audit_log(site.directory))


def test_a_form_needs_no_script(site: Site) -> None:
    """A browser sends the same fields as a form, its origin hidden by our own policy, and is led back to the page."""
    form = urlencode({"answer": "other_cause", "note": "one\r\ntwo", "true_cause": "train_serve_skew"}).encode()
    told = {"Content-Type": "application/x-www-form-urlencoded"}
    hidden = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
    answer = site.post(form, **told, **hidden)
    # urllib follows: the page that the model has.
    assert (answer.status, answer.text) == (200, "<p>model</p>")
    (kept,) = site.get(PATH)["acknowledgements"]
    assert (kept["note"], kept["true_cause"]) == ("one\ntwo", "train_serve_skew")
    assert site.post(form, **told, Origin="null").status == 403
    assert site.post(b"&".join([b"a=1"] * 9), **told).status == 400
    assert site.post(b"answer=fixed&note=%ff", **told).status == 400


def test_a_full_disk_is_told_and_stops_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """507 without room, 500 for another fault; afterwards answers are kept again."""
    for number, status in ((errno.ENOSPC, 507), (errno.EIO, 500)):

        def refuse(_: int, number: int = number) -> None:
            raise OSError(number, os.strerror(number))

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", refuse)
            answer = site.post({"answer": "fixed", "note": "x"})
        assert answer.status == status
        assert "the audit log cannot be written" in answer.text
        assert site.served.ask("/livez").status == 200
    assert site.get("/api/v1/audit")["entries"] == []
    assert site.post({"answer": "fixed", "note": "x"}).status == 201


def test_a_disk_that_hangs_holds_up_answers_alone(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """While more answers wait for it than there are threads, everything else is served; then all are kept."""
    hangs, released = threading.Event(), threading.Event()

    def hang(_: int) -> None:
        hangs.set()
        assert released.wait(PATIENCE_SECONDS)

    monkeypatch.setattr(os, "fsync", hang)
    body = {"answer": "fixed", "note": "x"}
    with ThreadPoolExecutor(45) as pool:
        waiting = [pool.submit(site.post, body) for _ in range(45)]
        try:
            assert hangs.wait(PATIENCE_SECONDS)
            for path in ("/livez", "/metrics", "/api/v1/models", PATH, "/api/v1/audit"):
                assert site.served.ask(path, headers={"Authorization": f"Bearer {READER}"}).status == 200
        finally:
            released.set()
        assert [each.result().status for each in waiting] == [201] * 45


def test_the_audit_log_is_asked_for_a_part(site: Site) -> None:
    """By time, kind and number, newest first; what makes no sense is refused."""
    for number in range(4):
        assert site.post({"answer": "fixed", "note": str(number)}).status == 201
        site.clock.advance(1)

    def notes(query: str) -> list[str]:
        return [entry["details"]["note"] for entry in site.get(f"/api/v1/audit?{query}")["entries"]]

    assert notes("") == ["3", "2", "1", "0"]
    assert notes("limit=2") == ["3", "2"]
    assert notes("since=2023-11-14T22:13:22Z") == ["3", "2"]
    assert notes("kind=configuration") == []
    token = {"Authorization": f"Bearer {READER}"}
    for query in ("limit=0", "limit=1001", "limit=%D9%A3", "limit=x", "limit=99999999999", "since=now", "kind=all"):
        assert site.served.ask(f"/api/v1/audit?{query}", headers=token).status == 400


def test_a_process_that_judges_nothing_has_no_answers() -> None:
    """Without a register both paths are 404 and say where to ask; where nobody can log in nobody writes."""
    with Served(reports=(report(),)) as served:
        for path in (PATH, "/api/v1/audit"):
            answer = served.ask(path)
            assert answer.status == 404
            assert "ask one that evaluates" in answer.text
        assert served.ask(PATH, "POST", {"Content-Type": "application/json"}, b"{}").status == 403


def test_the_description_tells_of_forms() -> None:
    """A browser's form is a body like JSON; it is sent on when it is kept, and shown a page when it is refused."""
    described = openapi()["paths"]["/api/v1/models/{model}/{version}/acknowledgements"]["post"]
    assert set(described["requestBody"]["content"]) == {"application/json", "application/x-www-form-urlencoded"}
    assert "Location" in described["responses"]["303"]["headers"]
    drawn = {status for status, each in described["responses"].items() if "text/html" in each.get("content", {})}
    assert drawn == {"400", "403", "404", "409", "500", "507"}
