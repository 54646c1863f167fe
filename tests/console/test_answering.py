"""Answering a verdict on its page: who sees the form, what is wrong with what was sent, and what a browser does."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import pytest

from sentinel.console.answering import ANSWERS, Answering, fault_of
from sentinel.console.pages import POLICY, render_file, render_model, render_refused
from sentinel.diagnosis.report import Cause, Report
from sentinel.exposition.access import ANONYMOUS, Principal
from sentinel.exposition.answers import RefusedAnswer
from tests.console.browser import Browser
from tests.console.conftest import PASSWORD, READER, WRITER, Site
from tests.console.markup import Page
from tests.console.reports import EVIL, hostile, whole
from tests.support.process import PATIENCE_SECONDS

ALICE = Principal("alice", may_write=True, authenticated=True)
BOB = Principal("bob", authenticated=True)
MODEL, POST = "/models/churn/7", "/api/v1/models/churn/7/acknowledgements"


def refused(message: str = "no", status: int = 400, **fields: str) -> RefusedAnswer:
    """A form of alice's that was refused."""
    return RefusedAnswer(report=whole(), principal=ALICE, status=status, message=message, fields=fields)


def ask(site: Site, path: str, token: str, **fields: str) -> tuple[int, str, Message]:
    """What a browser gets that is logged in; with fields, for a form."""
    data = urlencode(fields).encode() if fields else None
    request = urllib.request.Request(f"{site.root}{path}", data, {"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            return answer.status, answer.read().decode(), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), error.headers


def form_of(one: Report, who: Principal, *writers: str) -> Page:
    """The page of a model as somebody sees it."""
    return Page(render_model(one, "0.1.0", answering=Answering(principal=who, writers=writers)))


def test_writers_see_the_form() -> None:
    """It names the cause that was read, every answer, and the causes that may be true, and says as whom it is sent."""
    page = form_of(whole(), ALICE, "alice")
    assert page.faults == []
    assert page.count("form") == 1
    (form,) = (told for tag, told in page.elements if tag == "form")
    assert (form["method"], form["action"]) == ("post", POST)
    fields = [(told.get("name"), told.get("value")) for tag, told in page.elements if tag == "input"]
    assert fields == [("cause", "target_leakage"), *(("answer", answer) for answer in ANSWERS)]
    options = [told["value"] for tag, told in page.elements if tag == "option"]
    assert options == ["", *(c for c in Cause if c.family in ("leakage", "pipeline", "drift"))]
    assert "Send the answer as alice" in page.seen


def test_readers_see_who_may() -> None:
    """Who may only read is told who may write; where nobody has to log in, how one could; a file has neither."""
    bob = form_of(whole(), BOB, "alice", "carol")
    assert bob.count("form") == 0
    assert "You are bob , who may read. Who may answer: alice , carol ." in bob.seen
    assert "Nobody has to log in here" in form_of(whole(), ANONYMOUS).seen
    for text in (render_model(whole(), "0.1.0"), render_file(whole())):
        assert "Answer this verdict" not in text
        assert "<form" not in text


def test_the_policy_lets_forms_reach_us_alone() -> None:
    """The served pages may send a form to their own address, the file none to anywhere."""
    assert "form-action 'self'" in POLICY
    assert any("form-action 'none'" in told for told in Page(render_file(whole())).values("content"))


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"note": "x"}, "answer"),
        ({"answer": "fixed"}, "note"),
        ({"answer": "fixed", "note": " \n"}, "note"),
        ({"answer": "other_cause", "note": "x"}, "true_cause"),
        ({"answer": "confirmed", "note": "x", "true_cause": "label_shift"}, "true_cause"),
        ({"answer": "expected_drift", "note": "x", "true_cause": "target_leakage"}, "true_cause"),
    ],
)
def test_what_is_wrong_is_marked_and_what_was_typed_stays(locked: Site, fields: dict[str, str], field: str) -> None:
    """The application refuses it; the page says why in words, marks the field, keeps the rest and links back."""
    locked.reports = (whole(),)
    status, text, headers = ask(locked, POST, WRITER, **fields)
    page = Page(text)
    assert status == 400
    assert page.faults == []
    assert headers["Referrer-Policy"] == "same-origin"
    assert "form-action 'self'" in headers["Content-Security-Policy"]
    wrong = [told for _, told in page.elements if told.get("aria-invalid")]
    assert [(told.get("name", "answer"), told["aria-describedby"]) for told in wrong] == [(field, "answer-fault")]
    assert MODEL in page.values("href")
    assert page.count("script") == 0
    chosen = [told["value"] for tag, told in page.elements if {"checked", "selected"} & told.keys()]
    assert chosen == [fields[name] for name in ("answer", "true_cause") if name in fields]
    assert locked.register.acknowledgements(("churn", "7")) == []


def test_a_verdict_that_changed_is_told_with_the_new_one(locked: Site) -> None:
    """409 in words: what the verdict says now, where to read why, and the form for it with what was typed."""
    locked.reports = (whole(),)
    status, text, _ = ask(locked, POST, WRITER, answer="fixed", note="two\nlines", cause="label_shift")
    assert status == 409
    assert "It says now: target leakage" in Page(text).seen
    assert ">\ntwo\nlines</textarea>" in text
    assert '<input type="hidden" name="cause" value="target_leakage">' in text
    assert not [told for _, told in Page(text).elements if "checked" in told]


def test_a_reader_and_a_foreign_page_get_no_form(locked: Site) -> None:
    """403 in words, and nothing of what was sent: another site may have made it up."""
    locked.reports = (whole(),)
    status, text, _ = ask(locked, POST, READER, answer="fixed", note="click me")
    assert status == 403
    assert "only read" in Page(text).seen
    assert "click me" not in text
    assert "<form" not in text


def test_a_model_that_is_gone_and_a_full_disk_are_told() -> None:
    """404 leads to all models; 507 says why and keeps what was typed."""
    gone = RefusedAnswer(report=None, principal=ALICE, status=404, message="", fields={"note": "x"})
    page = Page(render_refused(gone, "0.1.0"))
    assert "not watched any more" in page.seen
    assert "/" in page.values("href")
    full = render_refused(refused("the audit log cannot be written: No space left", 507, note="kept here"), "0.1.0")
    assert "No space left" in full
    assert "kept here" in full


def test_a_form_that_cannot_be_read_says_so() -> None:
    """What no browser sends is answered with the reason as a program gets it."""
    fault = fault_of(refused("Object contains unknown field `x`", answer="fixed", note="x", x="1"))
    assert (fault.field, "unknown field" in fault.words) == ("", True)


def test_names_and_notes_are_text() -> None:
    """What somebody typed, and names from events, make no element."""
    told = RefusedAnswer(report=hostile(), principal=ALICE, status=400, message=EVIL, fields={"note": EVIL, "x": EVIL})
    for text in (render_refused(told, "0.1.0"), form_of(hostile(), ALICE, EVIL).text):
        assert EVIL not in text


@pytest.fixture
def alice(browser: Browser) -> Iterator[Browser]:
    """The browser, logged in."""
    browser.call("Network.setExtraHTTPHeaders", headers={"Authorization": f"Bearer {WRITER}"})
    yield browser
    browser.call("Network.setExtraHTTPHeaders", headers={})


def submit(browser: Browser) -> None:
    """Send the form and wait for the next page."""
    browser.events.clear()
    browser.run("document.querySelector('form button').click()")
    browser.wait_loaded("the form")


def test_a_browser_answers(alice: Browser, locked: Site) -> None:
    """Fold open, choose, type, send, by the keyboard alone: the answer is on the page, on the overview, in the log."""
    locked.reports = (whole(),)
    alice.view(1280)
    alice.open(f"{locked.root}{MODEL}")
    alice.run("document.querySelector('#answer summary').focus()")
    alice.press("Enter", code=13, text="\r")
    alice.press("Tab", code=9)
    alice.press(" ", code=32, text=" ")
    alice.press("ArrowDown", code=40)
    assert alice.run("document.activeElement.value") == "other_cause"
    alice.press("Tab", code=9)
    alice.run("document.activeElement.value = 'train_serve_skew'")
    alice.press("Tab", code=9)
    alice.call("Input.insertText", text="the join of plan was late")
    alice.press("Tab", code=9)
    assert alice.run("document.activeElement.textContent") == "Send the answer"
    alice.events.clear()
    alice.press("Enter", code=13, text="\r")
    alice.wait_loaded("the answer")
    assert alice.complaints() == []
    assert alice.run("location.pathname") == MODEL
    assert "Other cause: train serve skew, said alice" in alice.run("document.querySelector('.said').textContent")
    (kept,) = locked.register.acknowledgements(("churn", "7"))
    assert (kept.who, kept.note, kept.cause) == ("alice", "the join of plan was late", Cause.TARGET_LEAKAGE)
    alice.open(f"{locked.root}/")
    assert "answered: other cause" in alice.run("document.querySelector('main').textContent")
    alice.events.clear()
    alice.run("[...document.querySelectorAll('footer a')].find(e => e.textContent === 'audit log').click()")
    alice.wait_loaded("the audit log")
    assert "the join of plan was late" in alice.run("document.querySelector('main').textContent")


def test_a_password_is_enough(browser: Browser, locked: Site) -> None:
    """Who logged in by the browser's own means reads, has the page refreshed, and answers, in their name."""
    locked.reports = (whole(),)
    host = locked.root.removeprefix("http://")
    hold = "window.setInterval = work => { window.tick = work; return 0 }"
    script = browser.call("Page.addScriptToEvaluateOnNewDocument", source=hold)["identifier"]
    try:
        browser.open(f"http://carol:{quote(PASSWORD)}@{host}{MODEL}")
        locked.reports = (msgspec.structs.replace(whole(), generated_by="another one"),)
        browser.run("tick()")
        assert "another one" in browser.run("document.querySelector('#identity').textContent")
        browser.run(
            "document.querySelector('input[value=fixed]').checked = true;"
            "document.querySelector('textarea').value = 'mended'"
        )
        submit(browser)
        assert "Fixed, said carol" in browser.run("document.querySelector('.said').textContent")
        assert browser.complaints() == []
    finally:
        browser.call("Page.removeScriptToEvaluateOnNewDocument", identifier=script)


def test_the_form_needs_no_script(alice: Browser, locked: Site) -> None:
    """With scripts off a wrong answer is told with what was typed, and mended there it is kept."""
    locked.reports = (whole(),)
    alice.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        alice.open(f"{locked.root}{MODEL}")
        assert alice.run("document.querySelectorAll('th button').length") == 0
        alice.run(
            "document.querySelector('input[value=false_alarm]').checked = true;"
            "document.querySelector('select').value = 'label_shift';"
            "document.querySelector('textarea').value = 'a holiday'"
        )
        submit(alice)
        assert "says already what it was" in alice.run("document.querySelector('[role=alert]').textContent")
        assert alice.run("document.querySelector('textarea').value") == "a holiday"
        alice.run("document.querySelector('select').value = ''")
        submit(alice)
        assert alice.run("location.pathname") == MODEL
        assert "False alarm, said alice" in alice.run("document.querySelector('.said').textContent")
    finally:
        alice.call("Emulation.setScriptExecutionDisabled", value=False)


def test_the_refresh_waits_for_who_writes(alice: Browser, locked: Site) -> None:
    """While an answer is being written the page stands still and says so; then it goes on."""
    locked.reports = (whole(),)
    hold = "window.setInterval = work => { window.tick = work; return 0 }"
    script = alice.call("Page.addScriptToEvaluateOnNewDocument", source=hold)["identifier"]
    try:
        alice.open(f"{locked.root}{MODEL}")
        alice.run("document.querySelector('#answer details').open = true")
        alice.run("document.querySelector('textarea').value = 'half a th'")
        locked.reports = (msgspec.structs.replace(whole(), generated_by="another one"),)
        alice.run("tick()")
        assert "stands still" in alice.run("document.querySelector('[role=status]').textContent")
        assert alice.run("document.querySelector('textarea').value") == "half a th"
        alice.run("document.querySelector('textarea').value = ''")
        alice.run("tick()")
        assert "another one" in alice.run("document.querySelector('#identity').textContent")
    finally:
        alice.call("Page.removeScriptToEvaluateOnNewDocument", identifier=script)


def test_forms_and_the_log_are_accessible(alice: Browser, locked: Site, axe: str) -> None:
    """Axe finds nothing wrong with the open form, a refused one and the audit log, in the light and in the dark."""
    locked.reports = (whole(),)
    for _ in range(60):
        ask(locked, POST, WRITER, answer="fixed", note="two\nlines")
    alice.call("Page.setBypassCSP", enabled=True)
    try:
        for width, dark in ((1280, False), (390, True), (320, False)):
            alice.view(width, dark=dark)
            for path in (MODEL, "refused", "/audit", "/audit?kind=acknowledgement&before=20", "/audit?kind=repair"):
                alice.open(f"{locked.root}{MODEL if path == 'refused' else path}")
                if path == "refused":
                    alice.run("document.querySelector('form').noValidate = true")
                    submit(alice)
                alice.run("document.querySelectorAll('details').forEach(fold => { fold.open = true })")
                assert alice.run("document.documentElement.scrollWidth - innerWidth") <= 0
                alice.run(f"{axe}; 0")
                found: dict[str, Any] = alice.run(
                    "axe.run(document).then(found => ({ passes: found.passes.length,"
                    " violations: found.violations.map(v => [v.id, v.impact, v.nodes.map(n => n.html)]) }))"
                )
                assert found["violations"] == []
                assert found["passes"] > 10
    finally:
        alice.call("Page.setBypassCSP", enabled=False)


def test_an_answer_is_on_disk(locked: Site, tmp_path: Path) -> None:
    """What was answered is on disk before the browser is led back."""
    locked.reports = (whole(),)
    assert ask(locked, POST, WRITER, answer="fixed", note="on disk")[0] == 200
    assert b"on disk" in (tmp_path / "audit.jsonl").read_bytes()
