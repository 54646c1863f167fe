"""Whether an audit lets a pipeline go on: findings as grave as the severity that was named, and checks that failed."""

from __future__ import annotations

from collections.abc import Iterator

from sentinel.audit.findings import SEVERITIES, AuditReport, CheckResult, Finding, Severity
from sentinel.audit.guarded import FAILED


def failing(report: AuditReport, fail_on: Severity) -> tuple[Finding, ...]:
    """Findings of a severity, or a graver one, the worst first."""
    graver = SEVERITIES[: SEVERITIES.index(fail_on) + 1]
    return tuple(finding for finding in report.findings if finding.severity in graver)


def failed(report: AuditReport) -> tuple[CheckResult, ...]:
    """Checks that broke off: unlike one that lacks something, which is as expected, it says nothing at all."""
    return tuple(check for check in report.checks if check.state == "not_checked" and check.detail.startswith(FAILED))


def unjudged(report: AuditReport) -> tuple[str, ...]:
    """What the rows lack, where that leaves next to nothing to find: without outcomes hardly any leak can be."""
    return () if report.validation.n_outcomes else report.notes


def complaints(report: AuditReport) -> Iterator[str]:
    """A line for each check that failed."""
    for check in failed(report):
        yield f"the check {check.name} failed: {check.detail.removeprefix(FAILED)}"
