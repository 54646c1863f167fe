"""Whether an audit lets a pipeline go on: which of its findings are as grave as the severity that was named."""

from __future__ import annotations

from sentinel.audit.findings import SEVERITIES, AuditReport, Finding, Severity


def failing(report: AuditReport, fail_on: Severity) -> tuple[Finding, ...]:
    """Findings of a severity, or a graver one, the worst first."""
    graver = SEVERITIES[: SEVERITIES.index(fail_on) + 1]
    return tuple(finding for finding in report.findings if finding.severity in graver)
