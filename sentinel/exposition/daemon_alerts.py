"""The alerts about the daemon itself, decided by Prometheus."""

from __future__ import annotations

from sentinel.exposition.alert_pieces import (
    CATCH_UP,
    HOLD,
    KEEP,
    LAG,
    MAX_CATCH_UP_SECONDS,
    MAX_CHECKPOINT_AGE_SECONDS,
    MAX_DEAD_LETTER_RATIO,
    MAX_STILL_SECONDS,
    MIN_LAG_MESSAGES,
    REFUSED_RATIO,
)
from sentinel.exposition.rules import AlertRule, RuleGroup, Severity


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
            expr=f"{CATCH_UP}\n> {MAX_CATCH_UP_SECONDS}\nand {LAG}\n> {MIN_LAG_MESSAGES}",
            hold_for="10m",
            keep_firing_for=KEEP,
            summary="Sentinel falls behind its input, so every verdict is late.",
            description="Job {{ $labels.job }}: at the present rate it takes {{ $value | humanizeDuration }} to read "
            "what waits. Traffic may have grown, replicas may be missing, or one partition may be stuck.",
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
