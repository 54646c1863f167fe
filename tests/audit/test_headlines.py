"""One line for each fact: what several checks say of the same columns stands together, under the gravest."""

from __future__ import annotations

from sentinel.audit.findings import CheckResult
from sentinel.audit.report.headlines import headlines
from sentinel.audit.report.text import explain, table, tally
from sentinel.console.offline_audit import render_audit_report
from tests.audit import reports

RATE = reports.finding("critical", check="encoded_outcomes", cause="target_leakage", columns=("rate",), title="made of")
ALONE = reports.finding("warning", check="single_features", cause="target_leakage", columns=("rate",), title="alone")
OTHER = reports.finding("warning", check="range_differences", cause="data_quality_fault", columns=("rate",))
CHECKS = tuple(
    CheckResult(name=found.check, state="found", detail="", findings=(found,)) for found in (RATE, ALONE, OTHER)
)
REPORT = reports.report(checks=CHECKS)


def test_one_cause_in_the_same_columns_is_one_line() -> None:
    """The gravest leads; another cause, or other columns, is another fact."""
    lines = headlines((RATE, OTHER, ALONE))
    assert [(line.number, line.finding, line.also) for line in lines] == [(1, RATE, ((3, ALONE),)), (2, OTHER, ())]
    wider = reports.finding("info", cause="target_leakage", columns=("rate", "age"))
    assert len(headlines((RATE, wider))) == 2


def test_columns_in_another_order_are_the_same() -> None:
    """Checks list columns as they found them."""
    two = (reports.finding(columns=("a", "b")), reports.finding(columns=("b", "a")))
    assert len(headlines(two)) == 1


def test_findings_without_columns_stand_alone() -> None:
    """What two findings about rows have in common is not known."""
    assert len(headlines((reports.finding(columns=()), reports.finding(columns=())))) == 2


def test_the_table_and_the_count_have_a_line_for_a_fact() -> None:
    """The table names the other check, the count counts once, and each finding still stands at length."""
    lines = table(REPORT, REPORT.findings).splitlines()
    assert sum(line.startswith(("critical", "warning")) for line in lines) == 2
    assert "made of (so says single_features)" in " ".join(" ".join(lines).split())
    assert tally(REPORT).startswith("1 critical, 1 warning; ")
    assert "The same columns as 1, seen by another check." in explain(REPORT)


def test_the_page_leads_with_one_and_links_to_the_other() -> None:
    """The summary has a row a fact with a link to the other finding; both findings have a part of their own."""
    page = render_audit_report(REPORT)
    number = 1 + REPORT.findings.index(ALONE)
    assert page.count(f'<a href="#finding-{number}">single_features</a>') == 2  # in the summary, and beside the first
    assert page.count('<tr><th scope="row"><span class="badge') == 2
    assert f'id="finding-{number}"' in page
