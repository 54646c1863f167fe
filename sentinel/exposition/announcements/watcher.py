"""From look to look: which verdict has lasted, which alerts stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sentinel.diagnosis.alerts import QUIET
from sentinel.diagnosis.conditions import PATIENCE
from sentinel.diagnosis.report import Cause, Report
from sentinel.exposition.announcements.standing import Seen, alert_of

LONG: Final = PATIENCE + QUIET + 4
"""Looks at a running stream after which an alert that fired before a restart would fire again if it still held."""


@dataclass(slots=True)
class Watcher:
    """Watches one model version; :meth:`look` takes its reports in turn.

    A verdict counts once it lasted for ``patience`` looks, so that one which flutters announces nothing. Alerts have
    their own patience (:class:`~sentinel.diagnosis.alerts.AlertBook`).
    """

    patience: int = PATIENCE
    _settled: Cause | None = None
    _coming: Cause | None = None
    _n_coming: int = 0
    _n_looks: int = 0

    def look(self, report: Report) -> Seen | None:
        """What has been settled by now; None of a stream that has not begun, or not yet again after a restart."""
        if report.through is None:
            return None
        self._n_looks += 1
        cause = report.verdict.cause
        self._n_coming = self._n_coming + 1 if cause is self._coming else 1
        self._coming = cause
        if self._n_coming >= self.patience:
            self._settled = cause
        return Seen(
            cause=self._settled,
            firing=frozenset(alert_of(alert) for alert in report.alerts if alert.resolved_at is None),
            resolved=frozenset(alert_of(alert) for alert in report.alerts if alert.resolved_at is not None),
            long_watched=self._n_looks >= LONG,
        )
