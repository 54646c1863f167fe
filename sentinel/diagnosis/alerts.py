"""Alerts over time: they fire once a condition lasts, and resolve once it stays away."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from sentinel.diagnosis.conditions import Condition, Needs, conditions
from sentinel.diagnosis.report import Alert, Cause, Verdict
from sentinel.evaluation.findings import Evaluation

QUIET: Final = 3
"""Evaluations in a row without its condition, after which an alert is resolved."""
IDLE: Final = 5
"""Looks in a row at nothing new at all that count as one: when a stream has ended, waiting tells no more."""
RELEASE: Final = math.log(20.0)
"""Log evidence of a gap below which its alert may be resolved, if nobody says otherwise: the odds that warn by default.
Resolved at the gate itself, one gap fired four times on average: `benchmarks/false_pages.py`.
"""
MOST_RESOLVED: Final = 200
"""Resolved alerts that are remembered, the latest first to stay."""

Key = tuple[str, str | None, str]
_RANK: Final = {"info": 0, "warning": 1, "critical": 2}
_OF_A_GAP: Final = frozenset({"SentinelOfflineOnlineGap", "SentinelSliceGap"})
_OF_A_CAUSE: Final = frozenset({"SentinelLeakageSuspected", "SentinelTrainServeSkew"})
_NO_CAUSE: Final = frozenset({Cause.NONE, Cause.INSUFFICIENT_EVIDENCE})


@dataclass(frozen=True, slots=True)
class _Watch:
    """How a condition has behaved: looks in a row with it, at least at ``severity``, and looks in a row without.

    Only looks that saw something new count; ``needs`` says what.
    """

    on: Mapping[str, int] = field(default_factory=dict)
    off: Mapping[str, int] = field(default_factory=dict)
    needs: Needs = "outcomes"


@dataclass(frozen=True, slots=True)
class AlertBook:
    """The alerts of one model version after its latest evaluation.

    Attributes
    ----------
    alerts : tuple of Alert
        Active and resolved, in the order in which they fired.
    """

    alerts: tuple[Alert, ...] = ()
    _watches: Mapping[Key, _Watch] = field(default_factory=dict)
    _seen: Mapping[str, int] = field(default_factory=dict)
    _idle: int = 0

    @property
    def active(self) -> tuple[Alert, ...]:
        """Those that have fired and not been resolved."""
        return tuple(alert for alert in self.alerts if alert.resolved_at is None)

    def advance(
        self,
        evaluation: Evaluation,
        verdict: Verdict,
        counts: Mapping[str, int],
        at: str,
        *,
        release: float = RELEASE,
    ) -> AlertBook:
        """The book after one more evaluation; this one stays as it is.

        Parameters
        ----------
        evaluation : Evaluation
        verdict : Verdict
            Of that evaluation.
        counts : mapping of str to int
        at : str
            Event time of the evaluation, RFC 3339.
        release : float, nats
            Log evidence of a gap from which on an alert that rests on it stays, below the gate as well.

        Returns
        -------
        AlertBook

        Notes
        -----
        A condition fires after as many evaluations in a row as it asks for, and resolves after ``QUIET`` without
        it. Looks count that saw new predictions or, for what rests on outcomes, newly mature outcomes: looking again
        at the same counts says nothing new. Only where nothing comes any more do ``IDLE`` looks count as one. One that
        grows more severe, or less, for long enough is resolved and fired anew with its new severity.

        Evidence near the gate crosses it again and again. So what rests on a gap stays until the evidence has fallen
        below ``release``; that costs no false alarm, as those are gaps that ever pass the gate. In the same way an
        alert keeps its severity while its condition says so.
        """
        present = {(c.name, c.metric, c.slice): c for c in conditions(evaluation, verdict, counts)}
        active = {(a.name, a.metric, a.slice): a for a in self.active}
        seen = _sizes(evaluation, counts)
        idle = self._idle + 1 if seen == self._seen else 0
        news = {needs: self._seen.get(needs) != size or idle == IDLE for needs, size in seen.items()}
        watches: dict[Key, _Watch] = {}
        alerts = list(self.alerts)
        for key in dict.fromkeys([*active, *present, *self._watches]):
            condition, alert = present.get(key), active.get(key)
            stays = condition is None and _lingers(key, evaluation, verdict, release)
            watch = _look(self._watches.get(key, _Watch()), condition, news, stays=stays)
            if condition is not None or alert is not None:
                watches[key] = watch
            _settle(alerts, alert, condition, watch, counts.get("joined", 0), at)
        return AlertBook(_trimmed(alerts), watches, seen, idle % IDLE)


def _sizes(evaluation: Evaluation, counts: Mapping[str, int]) -> dict[str, int]:
    """How much a look rests on: predictions, and outcomes that are old enough to be judged."""
    headline = evaluation.headline("auc")
    judged = counts.get("joined", 0) if headline is None else headline.online.n
    return {"predictions": counts.get("predictions", 0), "outcomes": judged}


def _lingers(key: Key, evaluation: Evaluation, verdict: Verdict, release: float) -> bool:
    """Whether what an alert rests on is a gap that has fallen below the gate, and not yet far enough."""
    name, metric, where = key
    # Below the gate no cause is named; where one is, and it is another, the suspicion has ended.
    if name not in _OF_A_GAP and not (name in _OF_A_CAUSE and verdict.cause in _NO_CAUSE):
        return False
    finding = next((f for f in evaluation.findings if f.metric == metric and f.slice == where), None)
    if finding is None or finding.alarm or finding.log_evidence is None:
        return False
    return finding.log_evidence >= release


def _look(watch: _Watch, condition: Condition | None, news: Mapping[str, bool], *, stays: bool) -> _Watch:
    """Count one more look, for each severity: a critical condition also counts as a warning."""
    needs = watch.needs if condition is None else condition.needs
    step = int(news[needs])
    rank = -1 if condition is None else _RANK[condition.severity]
    kept = rank if condition is None else max(rank, _RANK[condition.keeps])
    on = {name: max(watch.on.get(name, 0) + step, 1) if rank >= level else 0 for name, level in _RANK.items()}
    off = {
        name: 0 if kept >= level or stays else max(watch.off.get(name, 0) + step, 1) for name, level in _RANK.items()
    }
    return _Watch(on, off, needs)


def _settle(
    alerts: list[Alert], alert: Alert | None, condition: Condition | None, watch: _Watch, n_outcomes: int, at: str
) -> None:
    """Resolve, fire or renew one alert in the list."""
    severity = _due(condition, watch)
    rising = severity is not None and (alert is None or _RANK[severity] > _RANK[alert.severity])
    if alert is not None and (rising or watch.off[alert.severity] >= QUIET):
        alerts[alerts.index(alert)] = msgspec.structs.replace(alert, resolved_at=at)
        alert = None
    elif alert is not None and condition is not None:
        alerts[alerts.index(alert)] = msgspec.structs.replace(alert, summary=condition.summary, cause=condition.cause)
    if alert is None and severity is not None and condition is not None:
        alerts.append(
            Alert(
                name=condition.name,
                severity=severity,  # type: ignore[arg-type] # a key of _RANK
                metric=condition.metric,
                slice=condition.slice,
                cause=condition.cause,
                fired_at=at,
                n_outcomes=n_outcomes,
                summary=condition.summary,
            )
        )


def _due(condition: Condition | None, watch: _Watch) -> str | None:
    """The highest severity that has lasted long enough; an info condition may only be info."""
    if condition is None:
        return None
    lowest = "info" if condition.severity == "info" else "warning"
    levels = [name for name in ("critical", "warning", "info") if _RANK[lowest] <= _RANK[name]]
    return next((name for name in levels if watch.on[name] >= condition.patience), None)


def _trimmed(alerts: list[Alert]) -> tuple[Alert, ...]:
    """Active ones all, resolved ones as many as are remembered."""
    resolved = [alert for alert in alerts if alert.resolved_at is not None]
    forgotten = {id(alert) for alert in resolved[: max(len(resolved) - MOST_RESOLVED, 0)]}
    return tuple(alert for alert in alerts if id(alert) not in forgotten)
