"""What the offline audit adds to a verdict: findings to cite, and questions that need not be asked again."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from sentinel.baseline.evidence import AuditedFinding, AuditEvidence
from sentinel.diagnosis.figures import figure
from sentinel.diagnosis.report import Cause
from sentinel.diagnosis.signatures.signal import TRAINING_ROWS, WRITTEN_WHEN
from sentinel.diagnosis.signatures.split_protocol import FITTED, SPLIT

MOST_CITED: Final = 2
"""Findings of the audit among the reasons of one verdict: a third adds nothing that decides."""
ANSWERS: Final = {
    TRAINING_ROWS: (("copies",), ("entities",), ("period",)),
    WRITTEN_WHEN: (("feature_times",),),
    SPLIT: (("period", "entities"),),
    FITTED: (("fit_statistics",), ("encoders",)),
}
"""The checks that answer a wish: any one of these groups, if all of it was made."""
_SEVERITIES: Final = {"critical": 0, "warning": 1}


def citations(audit: AuditEvidence, cause: Cause, suspects: Collection[str]) -> tuple[str, ...]:
    """What the audit found of a cause, in words: findings about suspected features first, then the worst.

    Parameters
    ----------
    audit : AuditEvidence
    cause : Cause
        The verdict.
    suspects : collection of str
        Names of features that are served differently or have lost their association.
    """
    found = [one for one in audit.findings if one.cause == cause.value and one.severity in _SEVERITIES]
    found.sort(key=lambda one: (not set(one.columns) & set(suspects), _SEVERITIES[one.severity]))
    return tuple(_words(one) for one in found[:MOST_CITED])


def answered(audit: AuditEvidence) -> Iterator[str]:
    """Wishes that the audit has met."""
    made = audit.made
    return (wish for wish, groups in ANSWERS.items() if any(made.issuperset(group) for group in groups))


def _words(finding: AuditedFinding) -> str:
    text = f"the offline audit found, before launch: {finding.title}"
    if finding.inflation is None or finding.inflation_lower is None or finding.inflation_upper is None:
        return text
    numbers = finding.inflation, finding.inflation_lower, finding.inflation_upper
    gain, lower, upper = (figure(finding.metric or "", number, sign="+") for number in numbers)
    return f"{text}; it makes the offline {finding.metric} look {gain} better (95 % {lower} to {upper})"
