"""A verdict cites what the offline audit found of its cause, and asks for nothing that the audit has answered."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from sentinel.baseline.evidence import AuditedFinding, AuditEvidence
from sentinel.diagnosis.audited import ANSWERS, MOST_CITED, answered, citations
from sentinel.diagnosis.report import Cause, Verdict
from sentinel.diagnosis.signatures import MEANINGS
from sentinel.diagnosis.verdict import diagnose
from tests.diagnosis.streams import watch


def _finding(
    title: str, *, cause: str = "target_leakage", severity: str = "critical", column: str = ""
) -> AuditedFinding:
    return AuditedFinding(check="c", cause=cause, severity=severity, title=title, columns=(column,) if column else ())


def _verdict(audit: AuditEvidence | None) -> Verdict:
    """On a stream whose leaking feature is null when served, its baseline with this audit."""
    seen = watch("target_leakage")
    meta = msgspec.structs.replace(seen.baseline.meta, audit=audit)
    counts = {"predictions": seen.n_outcomes, "joined": seen.n_outcomes}
    return diagnose(seen.evaluation, replace(seen.baseline, meta=meta), counts)


def test_findings_of_the_cause_are_among_the_reasons() -> None:
    """A finding of the verdict's cause is cited; one of another cause is not; neither moves a probability."""
    audit = AuditEvidence(findings=(_finding("it gives it away"), _finding("other", cause="group_leakage")))
    verdict, without = _verdict(audit), _verdict(None)
    assert verdict.cause is Cause.TARGET_LEAKAGE
    assert "the offline audit found, before launch: it gives it away" in verdict.reasons
    assert all("other" not in reason for reason in verdict.reasons)
    assert verdict.probabilities == without.probabilities


def test_what_the_audit_answered_is_not_asked_for() -> None:
    """Feature times were asked for; with the audit's check of them made they are not."""
    assert any("feature times or a backfill" in wish for wish in _verdict(None).missing_evidence)
    wishes = _verdict(AuditEvidence(clear=("feature_times",))).missing_evidence
    assert all("feature times or a backfill" not in wish for wish in wishes)


@pytest.mark.parametrize(("made", "is_met"), [(("period", "entities"), True), (("period",), False), ((), False)])
def test_a_wish_is_met_by_all_checks_of_a_group(made: tuple[str, ...], is_met: bool) -> None:
    """How rows were split is known when both times and entities were looked at."""
    assert any(wish.startswith("the split:") for wish in answered(AuditEvidence(clear=made))) == is_met


def test_every_wish_that_is_answered_is_one_that_is_made() -> None:
    """The words are those of the signals' wishes: another text would meet none."""
    assert set(ANSWERS) <= {meaning.wanted for meaning in MEANINGS.values()}


def test_suspected_features_come_first_and_few_are_cited() -> None:
    """A warning about a suspect goes before a critical finding about another column; what is good to know is left."""
    audit = AuditEvidence(
        findings=(
            _finding("first"),
            _finding("second"),
            _finding("suspect", severity="warning", column="x"),
            _finding("known", severity="info", column="x"),
        )
    )
    said = citations(audit, Cause.TARGET_LEAKAGE, {"x"})
    assert [words.rsplit(": ", 1)[1] for words in said] == ["suspect", "first"]
    assert len(said) == MOST_CITED


def test_the_gain_is_cited_with_its_interval() -> None:
    """What a finding is worth offline is said in the unit of its metric."""
    worth = msgspec.structs.replace(
        _finding("it"), metric="auc", inflation=0.1234, inflation_lower=0.1, inflation_upper=0.15
    )
    (said,) = citations(AuditEvidence(findings=(worth,)), Cause.TARGET_LEAKAGE, ())
    assert said.endswith("it; it makes the offline auc look +0.123 better (95 % +0.100 to +0.150)")
