"""Whether a report lets a deployment through: which of its alerts are firing, and what that is as an exit status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from sentinel.diagnosis.report import Alert, Report

FailOn = Literal["critical", "warning"]
EXIT_ALERT: Final = 3
"""Exit status when an alert of the severity that was named, or a graver one, is firing at the end of the stream."""
_GRAVER: Final = {"critical": ("critical",), "warning": ("critical", "warning")}


def firing(report: Report, severity: FailOn) -> tuple[Alert, ...]:
    """Alerts of a severity, or a graver one, that are not resolved."""
    graver = _GRAVER[severity]
    return tuple(alert for alert in report.alerts if alert.resolved_at is None and alert.severity in graver)


def exit_status(report: Report, fail_on: FailOn | None) -> int:
    """0, or `EXIT_ALERT`; nothing fails where no severity is named."""
    return EXIT_ALERT if fail_on is not None and firing(report, fail_on) else 0
