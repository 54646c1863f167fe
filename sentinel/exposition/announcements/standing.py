"""What has been announced of a model version, and what has to be announced for it to be true again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from sentinel.diagnosis.report import Alert, Cause, Report, Severity, Verdict

ChangeKind = Literal["verdict.changed", "alert.fired", "alert.resolved"]


class StandingAlert(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """An alert that was announced as firing and not yet as resolved; what tells it from others."""

    name: Annotated[str, Meta(description="as in the alert rules")]
    severity: Annotated[Severity, Meta(description="how grave it is")]
    metric: Annotated[str, Meta(description="the metric that it is about; empty where it is about none")] = ""
    slice: Annotated[str, Meta(description="where: all, or column=value")] = "all"


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was announced of one model version, summed up: the last event of a key tells it all."""

    sequence: Annotated[int, Meta(description="of the latest event of this model version; the first is 1", ge=0)] = 0
    cause: Annotated[Cause | None, Meta(description="the verdict as last announced; null before the first")] = None
    alerts: Annotated[tuple[StandingAlert, ...], Meta(description="alerts that fire, as last announced")] = ()


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What the looks at a model version have settled on.

    Attributes
    ----------
    cause : Cause or None
        The verdict that lasted; None while none has.
    firing : frozenset of StandingAlert
    resolved : frozenset of StandingAlert
        Those that the report remembers as over.
    long_watched : bool
        Whether the stream has been watched for so long that an alert which is not firing is over, even if the report
        does not remember it: after a restart without memory the alerts begin anew.
    """

    cause: Cause | None
    firing: frozenset[StandingAlert]
    resolved: frozenset[StandingAlert]
    long_watched: bool


class Announcement(msgspec.Struct, frozen=True, kw_only=True):
    """The data of one event."""

    change: Annotated[ChangeKind, Meta(description="what changed")]
    sequence: Annotated[int, Meta(description="counts the events of this model version, without gaps", ge=1)]
    model: Annotated[str, Meta(description="the model")]
    version: Annotated[str, Meta(description="its version")]
    baseline: Annotated[str, Meta(description="digest of the baseline that it is held against")]
    through: Annotated[str | None, Meta(description="event time of the report, RFC 3339")]
    previous_cause: Annotated[Cause | None, Meta(description="the verdict announced before; null before the first")]
    verdict: Annotated[Verdict, Meta(description="the verdict of the report, whatever changed")]
    alert: Annotated[StandingAlert | None, Meta(description="the alert that fired or is over")] = None
    summary: Annotated[str, Meta(description="one sentence for a ticket")] = ""
    standing: Annotated[Standing, Meta(description="everything that stands after this event")]


def alert_of(alert: Alert) -> StandingAlert:
    """What identifies an alert of a report."""
    return StandingAlert(name=alert.name, severity=alert.severity, metric=alert.metric or "", slice=alert.slice)


def announcements(standing: Standing, seen: Seen, report: Report) -> tuple[Announcement, ...]:
    """The events that make what was announced true again, in order; none where it is.

    Parameters
    ----------
    standing : Standing
        After the last event that was written.
    seen : Seen
    report : Report
        The latest; its words go into the events.
    """
    made = []
    for change, after, alert in _changes(standing, seen):
        made.append(
            Announcement(
                change=change,
                sequence=after.sequence,
                model=report.model,
                version=report.version,
                baseline=report.baseline.digest,
                through=report.through,
                previous_cause=standing.cause,
                verdict=report.verdict,
                alert=alert,
                summary=_summary(change, report, alert),
                standing=after,
            )
        )
        standing = after
    return tuple(made)


def _changes(standing: Standing, seen: Seen) -> Iterator[tuple[ChangeKind, Standing, StandingAlert | None]]:
    """Each change with what stands after it. The verdict comes first: it is the reason of the alerts."""
    if seen.cause is not None and seen.cause is not standing.cause:
        standing = msgspec.structs.replace(standing, sequence=standing.sequence + 1, cause=seen.cause)
        yield "verdict.changed", standing, None
    over = [a for a in standing.alerts if a not in seen.firing and (seen.long_watched or a in seen.resolved)]
    for alert in over:
        standing = _with_alerts(standing, set(standing.alerts) - {alert})
        yield "alert.resolved", standing, alert
    for alert in sorted(seen.firing - set(standing.alerts)):
        standing = _with_alerts(standing, {*standing.alerts, alert})
        yield "alert.fired", standing, alert


def _with_alerts(standing: Standing, alerts: set[StandingAlert]) -> Standing:
    return msgspec.structs.replace(standing, sequence=standing.sequence + 1, alerts=tuple(sorted(alerts)))


def _summary(change: ChangeKind, report: Report, alert: StandingAlert | None) -> str:
    of_what = f"{report.model} {report.version}"
    if alert is None:
        return f"{of_what}: the verdict is {report.verdict.cause} ({report.verdict.confidence:.0%} sure)"
    where = alert.name if alert.slice == "all" else f"{alert.name} in {alert.slice}"
    if change == "alert.resolved":
        return f"{of_what}: {where} is over"
    words = [a.summary for a in report.alerts if a.resolved_at is None and alert_of(a) == alert and a.summary]
    return f"{of_what}: {where} fires: {words[0]}" if words else f"{of_what}: {where} fires"
