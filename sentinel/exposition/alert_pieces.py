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
MAX_CATCH_UP_SECONDS: Final = 900
MIN_LAG_MESSAGES: Final = 1_000
"""Less is caught up within the poll that follows."""
MAX_DEAD_LETTER_RATIO: Final = 0.01

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
BASELINE_AGE: Final = (
    f"max without (instance, pod) (max_over_time(sentinel_watermark_timestamp_seconds{{<selector>}}[{HOLD}]))\n"
    "- max without (instance, pod) (\n"
    f"  max_over_time(sentinel_baseline_validation_end_timestamp_seconds{{<selector>}}[{HOLD}])\n"
    ")"
)
