"""An audit in a terminal: the worst first, within a hundred columns, and nothing that a terminal would obey."""

from __future__ import annotations

import msgspec
import pytest

from sentinel.audit.findings import AuditReport, RowPair, Severity
from sentinel.audit.report.text import WIDTH, explain, headline, table, tally
from tests.audit import reports

AUDITS = {
    "whole": reports.whole(),
    "clean": reports.clean(),
    "bare": reports.bare(),
    "hostile": reports.hostile(),
    "not finite": reports.not_finite(),
    "long": msgspec.structs.replace(reports.hostile("long " * 80), splits=()),  # code is not wrapped
}


@pytest.mark.parametrize("name", AUDITS)
def test_lines_fit_a_terminal(name: str) -> None:
    """No line passes the width, none ends in a space, and every character can be printed."""
    for line in explain(AUDITS[name]).split("\n"):
        assert len(line) <= WIDTH or name == "hostile"  # a word that is longer than the rest of a line
        assert line == line.rstrip()
        assert all(map(str.isprintable, line))


def test_everything_that_was_found_is_told() -> None:
    """The text holds what every finding says: how much, against what chance, what it is worth, the mend, the rows."""
    text = " ".join(explain(reports.whole()).split())
    for finding in reports.whole().findings:
        for told in (finding.title, finding.detail, finding.mend):
            assert told in text
    assert "AUC 0.909 as stated, 0.789 without it (2,000 outcomes): +0.120 (+0.110 to +0.130)" in text
    assert "Share: 50.0% [48.5%, 51.5%]; of honest data 0.10%" in text
    assert "Worth: not known: no score." in text
    assert "validation 4 = training 28; and 1,995 more" in text
    assert "validation 1 ~ training 0, 0.97 alike (one field differs)" in text
    assert "Columns: cancellation_calls." in text


def test_pairs_say_how_alike_they_are() -> None:
    """Equal rows are joined by an equals sign, near ones by a tilde, those that were not compared by a word."""
    pairs = [RowPair(train=1, validation=2, similarity=alike) for alike in (1.0, 0.9, 0.0)]
    text = explain(reports.report(reports.finding(rows=tuple(pairs), n_rows=3)))
    told = "validation 2 = training 1; validation 2 ~ training 1, 0.90 alike; validation 2 with training 1."
    assert told in " ".join(text.split())


def test_the_rest_follows_the_findings() -> None:
    """Checks that were not made and what they need, clear ones, splits with their code, the checklist, what is left."""
    text = explain(reports.whole())
    places = [
        text.index(told)
        for told in (
            "\nNot checked\n  - preprocessing: no fit statistic is stated; give --manifest\n",
            "\nClear\n  - entity_overlap: 3 of 900 entities are in both files\n",
            "\nOther splits\n  - time+group: ",
            "\n      folds = GroupKFold(5).split(X, y, groups)\n",
            "\nChecklist of a clean experiment\n  [no]  Is no row in both files? copies: 2,000 rows are.\n  [yes] ",
            "\n  [?]   Was preprocessing",
            "\nColumns left out\n  - raw_json: values of type struct are not compared\n",
        )
    ]
    assert places == sorted(places)
    assert "metric not known: no --fit-with was given)" in " ".join(text.split())


def test_the_worst_comes_first() -> None:
    """The table has a line for each finding: critical before warning before info, the dearer first."""
    lines = table(reports.whole(), reports.whole().findings).split("\n")
    severities = [line.split()[0] for line in lines if line[:1].strip()]
    assert severities == ["severity", "critical", "critical", "warning", "info"]
    assert lines[0] == "severity  cause               inflates AUC by            rows   what"
    assert lines[1].startswith("critical  duplicate leakage   +0.120 (+0.110 to +0.130)  2,000  50.0% of validation")
    continued = next(line for line in lines if line.startswith(" "))
    assert continued.index("training") == lines[1].index("50.0%")


@pytest.mark.parametrize(
    ("severity", "said"),
    [
        ("critical", "The offline estimate cannot be trusted."),
        ("warning", "The offline estimate may be too good."),
        ("info", "No leak was found, but something that is good to know."),
    ],
)
def test_one_sentence_says_what_it_comes_to(severity: Severity, said: str) -> None:
    """The sentence goes by the gravest finding."""
    assert headline(reports.report(reports.finding("info"), reports.finding(severity))) == said


@pytest.mark.parametrize(
    ("audit", "said", "counted"),
    [
        (reports.clean(), "No leak was found.", "no finding; 2 checks clear, 1 not made"),
        (reports.bare(), "No check could be made.", "no finding; 0 checks clear, 1 not made"),
        (reports.whole(), "The offline estimate cannot be trusted.", "2 critical, 1 warning, 1 info; 1 check clear, "),
    ],
)
def test_nothing_found_is_not_nothing_looked_at(audit: AuditReport, said: str, counted: str) -> None:
    """An audit whose checks could not be made says so, in the place of an all-clear."""
    assert headline(audit) == said
    assert tally(audit).startswith(counted)
    assert said in explain(audit)
