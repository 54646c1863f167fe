"""The fleet: every model version in one table, and the few that need somebody."""

from __future__ import annotations

from typing import Final

from sentinel.diagnosis.conditions import PAGE_PROBABILITY
from sentinel.diagnosis.quiet import LEAST_COVERAGE
from sentinel.diagnosis.report import Cause
from sentinel.exposition.boards import common as c
from sentinel.exposition.panels import NEUTRAL, Board, Panel, Query, Variable

_METRIC: Final = f'{c.JOB},metric="$metric",slice="all"'
_EACH: Final = "max by (model, version)"
_MOST_LINES: Final = 20


def _count(cause_matcher: str) -> str:
    """How many model versions have such a verdict: 0 is a count too."""
    return f"sum(max by (model, version, cause) (sentinel_verdict{{{c.JOB},cause{cause_matcher}}}))"


_NUMBERS: Final = tuple(
    Panel(title=title, description=text, type="stat", queries=(Query(expr, "models"),), unit="none", steps=steps,
          width=4, height=4)
    for title, text, expr, steps in (
        (
            "Model versions",
            "How many are watched. One that is missing here is not in the configuration of any process.",
            f"count(max by (model, version) (sentinel_verdict_confidence_ratio{{{c.JOB}}}))",
            NEUTRAL,
        ),
        (
            "Leakage is named",
            "Model versions whose verdict is a kind of leakage in the offline estimate.",
            _count(f'=~"{c.LEAKAGE}"'),
            c.limit(1),
        ),
        (
            "Another cause is named",
            "Model versions whose verdict is a drift or a fault in the data.",
            _count(f'!~"{c.LEAKAGE}|{c.NOT_NAMED}"'),
            c.limit(1, "orange"),
        ),
        (
            "Not enough evidence",
            "Model versions of which nothing can be said yet: too few outcomes, or an offline estimate that is "
            "too wide.",
            _count(f'="{Cause.INSUFFICIENT_EVIDENCE}"'),
            c.limit(1, "blue"),
        ),
        (
            "Healthy",
            "Model versions that keep what validation promised.",
            _count(f'="{Cause.NONE}"'),
            NEUTRAL,
        ),
        (
            "Alerts held now",
            "Over all model versions; each has a runbook.",
            f"count(max without (instance, pod) (sentinel_alert_active{{{c.JOB}}}) > 0) or vector(0)",
            c.limit(1, "orange"),
        ),
    )
)  # fmt: skip

_PANELS: Final = (
    *_NUMBERS,
    Panel(
        title="Models, the strongest evidence of a gap first",
        description="One line for each model version: what explains best what is seen, how sure that is, the gap of "
        "the chosen metric over all traffic (above 0 live is worse) with its lower bound, what the numbers rest "
        "on, and whether somebody has acknowledged the verdict (1). A click opens the model.",
        type="table",
        queries=(
            Query(f"max by (model, version, cause) (sentinel_verdict{{{c.JOB}}}) == 1", "Verdict", shows="cause"),
            Query(f"{_EACH} (sentinel_verdict_confidence_ratio{{{c.JOB}}})", "Confidence", "percentunit"),
            Query(f"{_EACH} (sentinel_gap{{{_METRIC}}})", "Gap"),
            Query(f"{_EACH} (sentinel_gap_lower{{{_METRIC}}})", "Lower bound"),
            Query(f"{_EACH} (sentinel_gap_log_evidence{{{_METRIC}}})", "Log evidence"),
            Query(
                f'{_EACH} (sentinel_estimate_outcomes{{{c.JOB},slice="all",side="online"}})',
                "Outcomes",
                "short",
            ),
            Query(f"{_EACH} (sentinel_outcome_coverage_ratio{{{c.JOB}}})", "Coverage", "percentunit"),
            Query(f"{_EACH} (sentinel_verdict_acknowledged{{{c.JOB}}})", "Acknowledged"),
        ),
        unit="none",
        width=24,
        height=10,
        opens=c.TO_MODEL,
        worst="Log evidence",
    ),
    Panel(
        title="Leakage, by probability",
        description="The verdict's belief in any kind of leakage. Dashed: where, with a gap since launch, the alert "
        "pages.",
        type="timeseries",
        queries=(
            Query(
                f"topk({_MOST_LINES}, sum by (model, version) (max by (model, version, cause) (\n"
                f'  sentinel_cause_probability_ratio{{{c.JOB},cause=~"{c.LEAKAGE}"}}\n'
                ")))",
                "{{model}} {{version}}",
            ),
        ),
        unit="percentunit",
        steps=c.limit(PAGE_PROBABILITY),
        minimum=0,
        maximum=1,
        opens=c.TO_MODEL,
    ),
    Panel(
        title="Gap that is proved",
        description="Lower bound of the gap of the chosen metric over all traffic. A gap is proved above the dashed 0.",
        type="timeseries",
        queries=(Query(f"topk({_MOST_LINES}, {_EACH} (sentinel_gap_lower{{{_METRIC}}}))", "{{model}} {{version}}"),),
        unit="none",
        steps=c.limit(0),
        opens=c.TO_MODEL,
    ),
    Panel(
        title="Live performance",
        description="The chosen metric by live outcomes. Compare versions of one model, and never two metrics.",
        type="timeseries",
        queries=(
            Query(f"topk({_MOST_LINES}, {_EACH} (sentinel_online_estimate{{{_METRIC}}}))", "{{model}} {{version}}"),
        ),
        unit="none",
        opens=c.TO_MODEL,
    ),
    Panel(
        title="Outcomes that arrived",
        description="Share of the predictions old enough to have an outcome that have one, the lowest first. Below the "
        "dashed line live estimates may rest on those that answer early.",
        type="timeseries",
        queries=(
            Query(
                f"bottomk({_MOST_LINES}, {_EACH} (sentinel_outcome_coverage_ratio{{{c.JOB}}}))", "{{model}} {{version}}"
            ),
        ),
        unit="percentunit",
        steps=c.at_least(LEAST_COVERAGE, "orange"),
        minimum=0,
        maximum=1,
        opens=c.TO_MODEL,
    ),
    Panel(
        title="Age of the baselines",
        description="Time since the last validation row behind each offline estimate, in event time. An old promise is "
        "held against a world that has moved on.",
        type="timeseries",
        queries=(
            Query(
                f"topk({_MOST_LINES}, {_EACH} (sentinel_watermark_timestamp_seconds{{{c.JOB}}})\n"
                f"  - {_EACH} (sentinel_baseline_validation_end_timestamp_seconds{{{c.JOB}}}))",
                "{{model}} {{version}}",
            ),
        ),
        unit="s",
        opens=c.TO_MODEL,
    ),
    Panel(
        title="Alerts by model",
        description="The alerts that the daemon holds, by severity.",
        type="timeseries",
        queries=(
            Query(
                f"count by (model, version, severity) (\n"
                f"  max without (instance, pod) (sentinel_alert_active{{{c.JOB}}}) > 0\n)",
                "{{model}} {{version}}, {{severity}}",
            ),
        ),
        unit="none",
        no_value="none",
        minimum=0,
        stacked=True,
        opens=c.TO_MODEL,
    ),
)

FLEET: Final = Board(
    uid=c.FLEET_UID,
    title="Sentinel / Fleet",
    description="Every model version that is watched: which need somebody, and why.",
    variables=(
        c.JOB_VARIABLE,
        Variable("metric", "Metric", f"label_values(sentinel_offline_estimate{{{c.JOB}}}, metric)", preferred="auc"),
    ),
    marks=c.FLEET_MARKS,
    panels=_PANELS,
)
