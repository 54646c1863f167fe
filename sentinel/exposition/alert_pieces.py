"""Expressions that alerts and recording rules share, and the limits that the alerts draw."""

from __future__ import annotations

from typing import Final

HOLD: Final = "3m"
"""Bridges two failed scrapes in a row at the usual interval of a minute."""
KEEP: Final = "10m"
"""Bridges a restart and a rolling update: what comes back within it was never away."""
MAX_STILL_SECONDS: Final = 120
"""The loop turns every second or so; a slow disk delays it by a few."""
MAX_CHECKPOINT_AGE_SECONDS: Final = 600
"""The longest interval that the configuration allows."""
MAX_LEDGER_AGE_SECONDS: Final = 600
"""As long as a checkpoint may take to come: what is published is what was checkpointed."""
MAX_CATCH_UP_SECONDS: Final = 900
MIN_LAG_MESSAGES: Final = 1_000
"""Less is caught up within the poll that follows."""
MAX_DEAD_LETTER_RATIO: Final = 0.01
MAX_SOURCE_FAULTS: Final = 5
"""Within five minutes. What cannot be read is tried again every second or so, though a client that gave up hope may
speak every half minute only; a move to another broker fails once or twice.
"""

EVENT_RATE: Final = "sum without (instance, pod, kind, result) (rate(sentinel_events_total{<selector>}[15m]))"
REFUSED_RATIO: Final = (
    "sum without (instance, pod) (rate(sentinel_dead_letters_total{<selector>}[15m]))\n"
    f"/ ignoring (reason) group_left () ({EVENT_RATE} > 0)"
)
LAG: Final = (
    "sum without (topic, partition) (\n"
    f"  max without (instance, pod) (max_over_time(sentinel_consumer_lag_messages{{<selector>}}[{HOLD}]))\n"
    ")"
)
CATCH_UP: Final = f"{LAG}\n/ {EVENT_RATE}"
LEDGER_LAG: Final = f"sum without (partition) (max_over_time(sentinel_ledger_lag_messages{{<selector>}}[{HOLD}]))"
LEDGER_CATCH_UP: Final = (
    f"{LEDGER_LAG}\n/ sum without (result) (rate(sentinel_ledger_records_total{{<selector>}}[15m]))"
)
BASELINE_AGE: Final = (
    f"max without (instance, pod) (max_over_time(sentinel_watermark_timestamp_seconds{{<selector>}}[{HOLD}]))\n"
    "- max without (instance, pod) (\n"
    f"  max_over_time(sentinel_baseline_validation_end_timestamp_seconds{{<selector>}}[{HOLD}])\n"
    ")"
)


def rose(series: str, *labels: str) -> str:
    """By how much a counter rose within the hour, its first appearance included; no series where it did not.

    Parameters
    ----------
    series : str
        Name and matchers.
    *labels : str
        Labels that are added up over, beside those of a replica.
    """
    # A counter that appears with its first count has not increased, as far as Prometheus knows.
    return (
        f"sum without ({', '.join(('instance', 'pod', *labels))}) (\n"
        f"  increase({series}[1h]) > 0\n"
        f"  or (\n    {series} > 0\n    unless {series} offset 1h\n  )\n)"
    )


def named(label: str, value: str, expr: str) -> str:
    """The same series with one more label, so that an alert can say which of several things it means."""
    return f'label_replace({expr}, "{label}", "{value}", "", "")'
