"""The page of the audit log: every kind in words, filtered and paged by plain links, whatever the entries hold."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from typing import Any

import msgspec
import pytest

from sentinel.console.audit import PAGE
from sentinel.console.pages import render_audit, render_model, render_overview
from sentinel.diagnosis.answers import AnswerRequest
from sentinel.pipeline.audit_log import FIRST, KINDS, AuditEntry, Kind
from tests.console.conftest import Site
from tests.console.markup import Page
from tests.console.reports import EVIL, whole
from tests.support.process import PATIENCE_SECONDS

TOLD: dict[Kind, dict[str, Any]] = {
    "acknowledgement": {
        "model": "a/b", "version": "7", "answer": "other_cause", "true_cause": "label_shift", "note": "why\nso",
        "cause": "target_leakage",
    },
    "configuration": {"succeeded": True, "changed": ["web.listen", "models"], "sentinel": "0.1.0"},
    "baseline": {
        "model": "churn", "version": "7", "before": "b" * 64, "after": "a" * 64, "promoted": {"note": "accepted"},
    },
    "repair": {"cut_bytes": 17, "cut_sha256": "c"},
}  # fmt: skip


def entry(sequence: int, kind: Kind = "configuration", **details: Any) -> AuditEntry:
    """One entry, of the usual details unless told otherwise."""
    return AuditEntry(
        sequence=sequence, at="2026-11-21T09:00:31Z", kind=kind, who="alice", details=details or TOLD[kind],
        previous=FIRST,
    )  # fmt: skip


def numbers(text: str) -> list[int]:
    """Of the entries on a page, from the top."""
    return [int(found) for found in re.findall(r'<tr id="entry-(\d+)">', text)]


def test_every_kind_is_told_in_words() -> None:
    """When to the second, who, what, why, and the model's page."""
    page = Page(render_audit([entry(4 - at, kind) for at, kind in enumerate(KINDS)], "0.1.0"))
    assert page.faults == []
    for words in (
        "2026-11-21 09:00:31 UTC alice acknowledgement",
        "a/b 7 : target leakage, answered: other cause (label shift) why so",
        "taken up by sentinel 0.1.0 2 settings web.listen models",
        "churn 7 : aaaaaaaaaaaa in place of bbbbbbbbbbbb, promoted from live traffic accepted",
        "cut off 17 bytes of a line that was never confirmed",
    ):
        assert words in page.seen
    assert {"/models/a%2Fb/7", "/models/churn/7"} <= set(page.values("href"))


def test_a_first_start_changes_nothing_that_is_known() -> None:
    """It is told apart from a reload that found nothing new."""
    told = {"succeeded": True, "changed": [], "sentinel": "2"}
    first = msgspec.structs.replace(entry(1, "configuration", **told), who="start")
    assert "taken up by sentinel 2; none before it is known" in render_audit([first], "0.1.0")


@pytest.mark.parametrize(
    ("kind", "details", "words"),
    [
        ("configuration", {"succeeded": False, "changed": []}, "refused, the old one stands"),
        ("configuration", {"succeeded": True, "changed": [], "sentinel": "2"}, "by sentinel 2, nothing changed"),
        ("baseline", {"after": "d" * 64, "before": None, "promoted": None}, "dddddddddddd, the first"),
        ("repair", {"cut_bytes": None}, "cut off some bytes"),
        ("acknowledgement", {"answer": None, "cause": 3, "note": ["x"], "model": {}, "version": EVIL}, "3, answered"),
        ("configuration", {"changed": EVIL, "promoted": [EVIL], "note": EVIL}, EVIL),
    ],
)
def test_holes_and_altered_entries_are_shown(kind: Kind, details: dict[str, Any], words: str) -> None:
    """What is not there, and what somebody wrote into the file, is text and breaks nothing."""
    text = render_audit([entry(1, kind, **details)], "0.1.0")
    page = Page(text)
    assert page.faults == []
    assert EVIL not in text
    assert words in page.seen


def test_pages_follow_each_other_by_links() -> None:
    """Every entry is on one page, the newest first, and the last page has no link to an older one."""
    entries = [entry(n, "baseline" if n % 3 else "configuration") for n in range(2 * PAGE + 7, 0, -1)]
    seen, before = [], None
    for expected in (PAGE, PAGE, 7):
        text = render_audit(entries, "0.1.0", before=before)
        found = numbers(text)
        assert len(found) == expected
        seen += found
        before = found[-1]
        assert (f"/audit?before={before}" in Page(text).values("href")) is (expected == PAGE)
    assert seen == list(range(2 * PAGE + 7, 0, -1))
    assert "/audit" in Page(text).values("href")


@pytest.mark.parametrize("kind", [*KINDS, "nonsense"])
def test_a_kind_is_shown_alone(kind: str) -> None:
    """The link of the kind is the current one, paging keeps it, and an unknown kind shows nothing."""
    entries = [entry(n, KINDS[n % 4]) for n in range(8 * PAGE, 0, -1)]
    text = render_audit(entries, "0.1.0", kind=kind)
    found = numbers(text)
    assert found == [e.sequence for e in entries if e.kind == kind][:PAGE]
    page = Page(text)
    assert [told["href"] for _, told in page.elements if "aria-current" in told] == (
        [f"/audit?kind={kind}"] if found else []
    )
    assert (f"/audit?kind={kind}&before={found[-1] if found else 0}" in page.values("href")) is bool(found)


def test_an_empty_log_says_so() -> None:
    """Nothing yet, and nothing older."""
    assert "No such entry." in render_audit([], "0.1.0")
    assert "No older entry is remembered" in render_audit([entry(5)], "0.1.0", before=5)


def test_the_log_is_served_and_linked(site: Site) -> None:
    """From the register's entries; a number that is none is refused, in words; every page leads there."""
    site.reports = (whole(),)
    site.register.acknowledge(("churn", "7"), AnswerRequest(answer="fixed", note="from the register"), "alice")
    for path, status, words in (
        ("/audit", 200, "from the register"),
        ("/audit?kind=baseline", 200, "No such entry"),
        ("/audit?before=x", 400, "the number of an entry"),
        ("/audit?before=" + "9" * 30, 400, "the number of an entry"),
        ("/", 200, 'href="/audit"'),
        ("/models/churn/7", 200, 'href="/audit"'),
    ):
        try:
            with urllib.request.urlopen(f"{site.root}{path}", timeout=PATIENCE_SECONDS) as answer:
                told = answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                told = error.code, error.read().decode()
        assert told[0] == status
        assert words in told[1]


def test_a_process_without_a_log_links_to_none() -> None:
    """Where nothing is kept there is no page of it."""
    for text in (render_overview([whole()], "0.1.0"), render_model(whole(), "0.1.0")):
        assert "/audit" not in text
