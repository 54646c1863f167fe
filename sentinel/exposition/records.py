"""The recording rules as data: what dashboards and ad-hoc queries ask for most, one series whatever the replicas."""

from __future__ import annotations

from sentinel.exposition.alert_pieces import BASELINE_AGE, EVENT_RATE, LAG, REFUSED_RATIO
from sentinel.exposition.rules import RecordRule, RuleGroup


def _newest(selector: str) -> str:
    """One series for each model version, wherever it is judged."""
    return f"max without (instance, pod) ({selector})"


def _worst(metric: str) -> str:
    return f"max without (instance, pod, slice) ({metric}{{<selector>}})"


_MODEL_RECORDS = (
    RecordRule(
        name="model_version_cause:sentinel_verdict:max",
        expr=f"{_newest('sentinel_verdict{<selector>}')} == 1",
        help="1 for the cause that the verdict names; the other causes have no series.",
    ),
    RecordRule(
        name="model_version_alert_severity:sentinel_alert_active:count",
        expr=f"count without (metric, slice, cause) ({_newest('sentinel_alert_active{<selector>}')} > 0)",
        help="How many slices and metrics each alert of a model version is held for.",
    ),
    RecordRule(
        name="model_version_metric:sentinel_gap:max",
        expr=_worst("sentinel_gap"),
        help="The widest gap of a metric in any slice that is exposed, whether proven or not.",
    ),
    RecordRule(
        name="model_version_metric:sentinel_gap_lower:max",
        expr=_worst("sentinel_gap_lower"),
        help="The widest gap of a metric that is proven in any slice: the largest lower bound. Above 0 live is worse.",
    ),
    RecordRule(
        name="model_version_metric:sentinel_gap_log_evidence:max",
        expr=_worst("sentinel_gap_log_evidence"),
        help="The strongest evidence of a gap of a metric in any slice.",
    ),
    RecordRule(
        name="model_version:sentinel_outcome_coverage_ratio:max",
        expr=_newest("sentinel_outcome_coverage_ratio{<selector>}"),
        help="Share of the predictions that are old enough which have an outcome.",
    ),
    RecordRule(
        name="model_version:sentinel_baseline_age_seconds:max",
        expr=BASELINE_AGE,
        help="How far live predictions run ahead of the last validation row of the baseline, in event time.",
    ),
)

_DAEMON_RECORDS = (
    RecordRule(
        name="job:sentinel_events:rate15m",
        expr=EVENT_RATE,
        help="Events read a second.",
    ),
    RecordRule(
        name="job_result:sentinel_events:ratio_rate15m",
        expr="sum without (instance, pod, kind) (rate(sentinel_events_total{<selector>}[15m]))\n"
        f"/ ignoring (result) group_left () ({EVENT_RATE} > 0)",
        help="Share of the events read by what became of them; the shares of one job add up to 1.",
    ),
    RecordRule(
        name="job_reason:sentinel_dead_letters:ratio_rate15m",
        expr=REFUSED_RATIO,
        help="Share of the events read that were refused for a reason.",
    ),
    RecordRule(
        name="job:sentinel_consumer_lag_messages:sum",
        expr=LAG,
        help="Messages that wait in all partitions.",
    ),
    RecordRule(
        name="job:sentinel_consumer_lag_messages:catch_up_seconds",
        # Nothing by nothing is no number, and much by nothing is for ever.
        expr=f"({LAG} > 0)\n/ {EVENT_RATE}\nor {LAG} == 0",
        help="How long it takes to read what waits, at the present rate.",
    ),
)

RECORD_GROUP = RuleGroup("sentinel-records", (*_MODEL_RECORDS, *_DAEMON_RECORDS))
RECORDS: tuple[RecordRule, ...] = (*_MODEL_RECORDS, *_DAEMON_RECORDS)
