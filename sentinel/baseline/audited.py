"""What the offline audit found in the files of a baseline, small enough to be kept in it."""

from __future__ import annotations

from typing import Final

import msgspec

from sentinel.audit.checks import all_checks
from sentinel.audit.engine import Engine, Tell
from sentinel.audit.findings import AuditReport, CheckResult, Finding
from sentinel.audit.guarded import FAILED, guarded, where_it_failed
from sentinel.audit.scan import Given, audit
from sentinel.baseline.artifact import Check
from sentinel.baseline.evidence import AuditedFinding, AuditEvidence, StaticEvidence, Unaudited
from sentinel.logs import get_logger

MOST_COLUMNS: Final = 20
"""Names of columns kept of one finding."""
_DIGITS: Final = 6
"""Kept of shares and gains: equal inputs then give equal bytes, however their rows were parted."""
log = get_logger(__name__)


def audited(
    given: Given, *, now_us: int, progress: Tell, batch_rows: int, engine: Engine | None = None
) -> AuditEvidence:
    """Run every check; one that fails on odd data is not made, and neither it nor the audit stops a build.

    Parameters
    ----------
    given : Given
    now_us : int, microseconds since the epoch
    progress : callable
    batch_rows : int, > 0
    engine : Engine, optional
        Who reads the files: this process by default.
    """
    try:
        report = audit(
            given, now_us=now_us, progress=progress, batch_rows=batch_rows, checks=guarded(all_checks()), engine=engine
        )
    except Exception as error:  # noqa: BLE001 # the baseline is the errand; the audit only adds to it
        why = where_it_failed(error)
        log.warning("audit_failed", why=why)
        return AuditEvidence(failed=why)
    return compact(report)


def compact(report: AuditReport) -> AuditEvidence:
    """The evidence of a report, without rows, plots and advice.

    Parameters
    ----------
    report : AuditReport
    """
    return AuditEvidence(
        findings=tuple(_finding(finding) for finding in report.findings),
        clear=tuple(result.name for result in report.checks if result.state == "clear"),
        not_checked=tuple(_unaudited(result) for result in report.checks if result.state == "not_checked"),
    )


def informed(static: StaticEvidence, audit: AuditEvidence | None) -> StaticEvidence:
    """The same evidence with what the audit knows better: what was fitted to validation rows, and near copies.

    Parameters
    ----------
    static : StaticEvidence
    audit : AuditEvidence or None
    """
    if audit is None:
        return static
    misleading = [finding for finding in audit.findings if finding.severity == "critical"]
    fitted = {name for one in misleading if one.cause == "preprocessing_leakage" for name in one.columns}
    fit_proof = tuple(sorted({*(static.fit_proof or ()), *fitted})) if fitted else static.fit_proof
    excess = [
        one.share - one.chance
        for one in misleading
        if one.cause == "duplicate_leakage" and one.share is not None and one.chance is not None
    ]
    before = static.duplicate_excess_ratio
    copies = max([*excess, before or 0.0]) if excess else before
    return msgspec.structs.replace(static, fit_proof=fit_proof, duplicate_excess_ratio=copies)


def failures(audit: AuditEvidence | None) -> tuple[Check, ...]:
    """What failed, to be seen by whoever builds."""
    if audit is None:
        return ()
    if audit.failed is not None:
        detail = f"audit failed: {audit.failed}; these files were not audited"
        return (Check(name="audit_failed", severity="warning", detail=detail),)
    return tuple(
        Check(name="audit_failed", severity="warning", detail=f"{one.check} was not checked: {one.why}")
        for one in audit.not_checked
        if one.why.startswith(FAILED)
    )


def _finding(finding: Finding) -> AuditedFinding:
    gain = None if finding.inflation is None else finding.inflation.gain
    return AuditedFinding(
        check=finding.check,
        cause=finding.cause,
        severity=finding.severity,
        title=finding.title,
        columns=finding.columns[:MOST_COLUMNS],
        share=None if finding.share is None else round(finding.share.value, _DIGITS),
        chance=None if finding.chance is None else round(finding.chance, _DIGITS),
        metric=None if finding.inflation is None else finding.inflation.metric,
        inflation=None if gain is None else round(gain.value, _DIGITS),
        inflation_lower=None if gain is None else round(gain.lower, _DIGITS),
        inflation_upper=None if gain is None else round(gain.upper, _DIGITS),
    )


def _unaudited(result: CheckResult) -> Unaudited:
    return Unaudited(check=result.name, why=result.detail, needs=result.needs)
