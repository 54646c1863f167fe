"""The alerts about the daemon itself, decided by Prometheus."""

from __future__ import annotations

from sentinel.exposition.alert_pieces import (
    CATCH_UP,
    HOLD,
    KEEP,
    LAG,
    LEDGER_CATCH_UP,
    LEDGER_LAG,
    MAX_CATCH_UP_SECONDS,
    MAX_CHECKPOINT_AGE_SECONDS,
    MAX_DEAD_LETTER_RATIO,
    MAX_LEDGER_AGE_SECONDS,
    MAX_SOURCE_FAULTS,
    MAX_STILL_SECONDS,
    MIN_LAG_MESSAGES,
    REFUSED_RATIO,
    named,
    rose,
)
from sentinel.exposition.rules import AlertRule, RuleGroup, Severity
from sentinel.logs import LIBRARY_EVENT


def _alert(
    name: str,
    severity: Severity,
    *,
    expr: str,
    hold_for: str,
    summary: str,
    description: str,
    keep_firing_for: str = "",
) -> AlertRule:
    return AlertRule(
        name=name,
        expr=expr,
        hold_for=hold_for,
        keep_firing_for=keep_firing_for,
        severities=(severity,),
        severity=severity,
        summary=summary,
        description=description,
        dashboard="sentinel-daemon",
    )


_DOWN = AlertRule(
    name="SentinelDown",
    # All targets of one component, where the scrape sets that label: one page, and the others may answer.
    # All targets: no instance in the labels, which is what the other alerts are silenced by.
    expr="max without (instance, pod) (up{<selector>}) == 0\n"
    "or absent(up{<selector>})\n"
    "or (up{<selector>} == 0 unless ignoring (instance, pod) max without (instance, pod) (up{<selector>}) == 0)",
    hold_for="5m",
    severities=("critical", "warning"),
    severity="{{ if $labels.instance }}warning{{ else }}critical{{ end }}",
    summary="Prometheus cannot scrape sentinel, so other alerts of it may not fire.",
    description="Job {{ $labels.job }}{{ with $labels.component }}, {{ . }}{{ end }}: "
    "{{ with $labels.instance }}{{ . }} answers no scrape, others do"
    "{{ else }}no target answers a scrape, or there is none{{ end }}. The process may be down, unreachable, or gone "
    "from the scrape configuration.",
    dashboard="sentinel-daemon",
)


def _faults(span: str) -> str:
    # A client that loses its brokers says so in its own log, which is counted under one name, and hands on empty polls.
    return (
        "sum without (level) (\n"
        "  increase(sentinel_log_events_total{<selector>,"
        f'event=~"source_error|source_not_allowed|topics_missing|ledger_not_read"}}[{span}])\n'
        f'  or increase(sentinel_log_events_total{{<selector>,event="{LIBRARY_EVENT}",level="error"}}[{span}])\n'
        ")"
    )


# What was away and is back is no page: five minutes of faults alone would be remembered for as long.
_UNREAD = f"{_faults('5m')} > {MAX_SOURCE_FAULTS}\nand {_faults(HOLD)} > 0"
_LOST = "\nor ".join(
    [
        named("loss", "retention", rose("sentinel_messages_missed_total{<selector>}", "topic")),
        named("loss", "rebuild", rose('sentinel_rebuilds_total{<selector>,result="short"}', "result")),
        named("loss", "disk", rose('sentinel_http_events_total{<selector>,result="damaged"}', "result")),
    ]
)
_LETTERS_DROPPED = 'sentinel_dead_letters_stored_total{<selector>,result="dropped"}'
_CHANGES_DROPPED = 'sentinel_announcements_total{<selector>,result="dropped"}'
_NOT_ANNOUNCED = (
    "sum without (instance, pod) (\n  increase(sentinel_announcement_failures_total{<selector>}[10m])\n) > 0"
)
_UNWRITTEN = "\nor ".join(
    [
        named("output", "dead letters", rose(_LETTERS_DROPPED, "place", "result")),
        named("output", "changes of verdicts", rose(_CHANGES_DROPPED, "result")),
        named("output", "attempts to announce a change of verdict", _NOT_ANNOUNCED),
    ]
)

DAEMON_GROUP = RuleGroup(
    "sentinel-daemon",
    (
        _DOWN,
        _alert(
            "SentinelStalled",
            "critical",
            expr=f"time() - max_over_time(sentinel_loop_last_turn_timestamp_seconds{{<selector>}}[{HOLD}])\n"
            f"> {MAX_STILL_SECONDS}",
            hold_for="1m",
            summary="A sentinel process answers, but its event loop does not come round.",
            description="{{ $labels.instance }} last came round {{ $value | humanizeDuration }} ago; it should every "
            "second or so. It may wait for a disk, for the broker inside a call, or have met a fault.",
        ),
        _alert(
            "SentinelConsumerLag",
            "warning",
            expr=f"{CATCH_UP}\n> {MAX_CATCH_UP_SECONDS}\nand {LAG}\n> {MIN_LAG_MESSAGES}\n"
            # An evaluator's input is what collectors have published.
            f"or {LEDGER_CATCH_UP}\n> {MAX_CATCH_UP_SECONDS}\nand {LEDGER_LAG}\n> {MIN_LAG_MESSAGES}",
            hold_for="10m",
            keep_firing_for=KEEP,
            summary="Sentinel falls behind its input, so every verdict is late.",
            description="Job {{ $labels.job }}{{ with $labels.instance }}, evaluator {{ . }}{{ end }}: at the present "
            "rate it takes {{ $value | humanizeDuration }} to read what waits. Traffic may have grown, replicas may be "
            "missing, or one partition may be stuck.",
        ),
        _alert(
            "SentinelSourceFailing",
            "critical",
            expr=_UNREAD,
            hold_for="10m",
            summary="A sentinel process cannot read from Kafka, so nothing new is judged.",
            description="{{ $labels.instance }}: {{ $value | humanize }} faults in the last 5 minutes, logged "
            "as {{ $labels.event }}. Brokers may be unreachable, or the rights, the password or the certificate may "
            "have gone.",
        ),
        _alert(
            "SentinelEventsMissed",
            "warning",
            expr=_LOST,
            hold_for="",
            keep_firing_for=KEEP,
            summary="Events are lost to sentinel; they were gone, or damaged, before they could be counted.",
            description="Job {{ $labels.job }}, within the hour: {{ $value | humanize }} "
            '{{ if eq $labels.loss "retention" }}messages that retention had removed before they were read'
            '{{ else if eq $labels.loss "rebuild" }}partitions taken over whose log did not reach back far enough, so '
            "that outcomes of older predictions may not meet them"
            "{{ else }}accepted events that the disk had altered{{ end }}. "
            "What is counted is right as far as it goes; an outage may have been longer than the retention.",
        ),
        _alert(
            "SentinelIntakeFailing",
            "critical",
            expr="sum without (instance, pod) (\n"
            '  increase(sentinel_http_event_requests_total{<selector>,result=~"full|failed"}[3m])\n) > 0',
            hold_for="5m",
            keep_firing_for=KEEP,
            summary="Sentinel takes no posted events in, and senders that do not repeat them lose them.",
            description="Job {{ $labels.job }}: {{ $value | humanize }} requests of the last 3 minutes were answered "
            "with 503, as {{ $labels.result }}. The disk or the log of accepted events may be full, since counting "
            "stands still, or the disk may be broken.",
        ),
        _alert(
            "SentinelDeadLetters",
            "warning",
            expr=f"{REFUSED_RATIO}\n> {MAX_DEAD_LETTER_RATIO}",
            hold_for="10m",
            keep_firing_for=KEEP,
            summary="Many events are refused, so what is judged is not the whole traffic.",
            description="Job {{ $labels.job }}: {{ $value | humanizePercentage }} of the events of the last 15 minutes "
            "were refused as {{ $labels.reason }}. A producer may have changed its format, clock or ids.",
        ),
        _alert(
            "SentinelCheckpointFailing",
            "critical",
            expr="increase(sentinel_checkpoint_failures_total{<selector>}[10m]) > 0\n"
            "and time() - max_over_time(sentinel_checkpoint_last_success_timestamp_seconds{<selector>}"
            f"[{HOLD}]) > {MAX_CHECKPOINT_AGE_SECONDS}",
            hold_for="1m",
            summary="Sentinel cannot make its counts durable, so a restart has to read much again.",
            description="{{ $labels.instance }}: {{ $value | humanize }} attempts failed in the last 10 minutes, and "
            "none succeeded. The disk may be full or read-only, or the store at its size limit.",
        ),
        _alert(
            "SentinelLedgerFailing",
            "warning",
            expr="increase(sentinel_ledger_failures_total{<selector>}[10m]) > 0\n"
            "unless time() - max_over_time(sentinel_ledger_last_success_timestamp_seconds{<selector>}"
            f"[{HOLD}]) <= {MAX_LEDGER_AGE_SECONDS}",
            hold_for="1m",
            summary="A collector cannot publish its counts, so they are not judged and no other member could go on.",
            description="{{ $labels.instance }}: {{ $value | humanize }} attempts on the summaries topic failed in the "
            "last 10 minutes, and none succeeded. It counts on by itself. The topic may be away or short of replicas, "
            "or a right on it or on the transactional ids may be missing.",
        ),
        _alert(
            "SentinelOutputFailing",
            "warning",
            expr=_UNWRITTEN,
            hold_for="15m",
            keep_firing_for=KEEP,
            summary="Sentinel cannot write what others wait for; refused events, or changes of verdicts.",
            description="Job {{ $labels.job }}: {{ $value | humanize }} {{ $labels.output }} were dropped or failed. "
            "Counts and verdicts are not touched. A topic may be away or without its right, or the "
            "file of dead letters at its limit.",
        ),
        _alert(
            "SentinelConfigReloadFailed",
            "warning",
            expr=f"max_over_time(sentinel_config_last_reload_successful{{<selector>}}[{HOLD}]) == 0",
            hold_for="5m",
            summary="The last reload of sentinel's configuration failed and the old one stands.",
            description="{{ $labels.instance }} runs the configuration from before the failed reload, and would not "
            "start with the new one. The file may have a fault, or name a baseline that cannot be read.",
        ),
        _alert(
            "SentinelSeriesDropped",
            "warning",
            expr="sum without (instance, pod) (increase(sentinel_series_dropped_total{<selector>}[15m])) > 0",
            hold_for="15m",
            keep_firing_for=KEEP,
            summary="Sentinel has more time series than it may expose; the least suspicious are left out.",
            description="Job {{ $labels.job }}: {{ $value | humanize }} series were left out in the last 15 minutes, "
            "by reason {{ $labels.reason }}. The reports over HTTP have them all. "
            "Slices or features may have multiplied, or the limit may be low.",
        ),
    ),
)
