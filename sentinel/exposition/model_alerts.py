"""The alerts about models. The daemon decides them, since their thresholds belong to the model; Prometheus routes."""

from __future__ import annotations

from sentinel.exposition.alert_pieces import BASELINE_AGE, HOLD, KEEP
from sentinel.exposition.alert_texts import (
    CAUSES,
    COVERAGE,
    DIGITS,
    FAULTS,
    GAP,
    MODEL,
    ONSET,
    SUSPECTS,
    VERDICT,
    drifted,
    finding_value,
    model_value,
)
from sentinel.exposition.rules import AlertRule, Dashboard, RuleGroup, Severity


def _decided(alert: str) -> str:
    """Bridges failed scrapes and adds up replicas. The cause is left out: an alert whose cause changes is the same."""
    return (
        "max without (instance, pod, alert, cause) (\n"
        f'  max_over_time(sentinel_alert_active{{<selector>,alert="{alert}"}}[{HOLD}])\n'
        ") > 0"
    )


def _alert(
    name: str,
    severities: tuple[Severity, ...],
    summary: str,
    description: str,
    dashboard: Dashboard = "sentinel-model",
) -> AlertRule:
    return AlertRule(
        name=name,
        expr=_decided(name),
        keep_firing_for=KEEP,
        severities=severities,
        summary=summary,
        description=f"{MODEL}: {description}",
        dashboard=dashboard,
    )


DECIDED: tuple[AlertRule, ...] = (
    _alert(
        "SentinelLeakageSuspected",
        ("critical", "warning"),
        "The offline estimate looks leaked: live performance falls short in the way that leakage does.",
        f"{GAP} {VERDICT} {SUSPECTS} {CAUSES} "
        "It could also be a change in the world since launch, or a fault in the data that is served.",
    ),
    _alert(
        "SentinelOfflineOnlineGap",
        ("critical", "warning"),
        "Live performance falls short of the offline estimate by more than the tolerance.",
        f"{GAP} {VERDICT} {CAUSES} "
        "It could be leakage in the offline estimate, a change in the world, or a fault in the data.",
    ),
    _alert(
        "SentinelSliceGap",
        ("warning", "info"),
        "Live performance in a slice falls short of that slice's offline estimate.",
        f"{GAP} At most a set share of the slices raised are false alarms. {CAUSES} "
        "It could be a leak that only this slice has, or a change that only this slice saw.",
        dashboard="sentinel-slices",
    ),
    _alert(
        "SentinelPerformanceChanged",
        ("warning", "info"),
        "Live performance has become worse than it was after launch.",
        f"{GAP} {ONSET} {CAUSES} "
        "It could be a change in the world, a fault in the data, or outcomes that are read differently now.",
    ),
    _alert(
        "SentinelFutureFeature",
        ("critical", "warning"),
        "A feature that the model was trained on holds what is known only after the prediction.",
        f"{SUSPECTS} {VERDICT} {CAUSES} "
        "It could also be a clock that is wrong, or times that say when a value was copied, not when it was made.",
        dashboard="sentinel-features",
    ),
    _alert(
        "SentinelTrainServeSkew",
        ("warning",),
        "A feature is served differently from how the model was trained on it.",
        f"{GAP} {FAULTS} {SUSPECTS} {CAUSES} "
        "It could also be a feature that leaked offline and is not there yet at prediction time.",
        dashboard="sentinel-features",
    ),
    _alert(
        "SentinelDataQuality",
        ("warning",),
        "Features arrive broken: empty, constant, or with values that the baseline never saw.",
        f"{FAULTS} {SUSPECTS} {CAUSES} "
        "Other alerts of this model version may be its symptoms. "
        "It could also be a real change of the population, or a leak that is empty until its outcome is known.",
        dashboard="sentinel-features",
    ),
    _alert(
        "SentinelDrift",
        ("warning", "info"),
        "What is served, or the scores, have moved from what offline validation saw.",
        f"moved most, by stability index: {drifted(3)}. {CAUSES} "
        "Drift alone costs nothing: two harmless streams of three show it in some feature. It could also be a "
        "fault in the data, or the season.",
        dashboard="sentinel-features",
    ),
    _alert(
        "SentinelOutcomesMissing",
        ("warning",),
        "Outcomes do not arrive as they should, so live performance cannot be judged.",
        f"{COVERAGE} of the predictions that are old enough have an outcome. "
        "The pipeline that reports outcomes may be late, broken, or keyed by other ids.",
        dashboard="sentinel-data",
    ),
    _alert(
        "SentinelInsufficientEvidence",
        ("info",),
        "Not enough is known yet to say whether live performance keeps what offline validation promised.",
        f"{DIGITS}in {{{{ $labels.metric }}}} over slice {{{{ $labels.slice }}}} no gap below "
        f"{finding_value('sentinel_minimum_detectable_gap')} can be proved. "
        f"Outcomes cover {COVERAGE} of the predictions that are old enough. "
        "Time may mend it; a small or one-sided validation set will not.",
        dashboard="sentinel-data",
    ),
)

STALE = AlertRule(
    name="SentinelBaselineStale",
    expr=f"{BASELINE_AGE}\n> max without (instance, pod) (sentinel_baseline_max_age_seconds{{<selector>}})",
    hold_for="1h",
    keep_firing_for=KEEP,
    severities=("warning",),
    severity="warning",
    summary="The offline estimate is out of date: its validation rows end long before what is judged by it.",
    description=f"{MODEL}: the newest prediction is {{{{ $value | humanizeDuration }}}} younger than the last "
    f"validation row of the baseline, and {model_value('sentinel_baseline_max_age_seconds', 'humanizeDuration')} is "
    "allowed. A gap or drift found against it may be its age. "
    "It could also be a baseline that was renewed but not configured, or predictions with a clock that is ahead.",
    dashboard="sentinel-model",
)

MODEL_GROUP = RuleGroup("sentinel-models", (*DECIDED, STALE))
