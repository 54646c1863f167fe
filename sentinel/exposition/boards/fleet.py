"""The fleet: every model version in one table, and the few that need somebody."""

from __future__ import annotations

from typing import Final

from sentinel.diagnosis.conditions import PAGE_PROBABILITY
from sentinel.diagnosis.quiet import LEAST_COVERAGE
from sentinel.diagnosis.report import Cause
from sentinel.exposition.boards import common as c
from sentinel.exposition.boards.pictures import amounts, lines, number, shares, table
from sentinel.exposition.panels import NEUTRAL, Board, Panel, Query, Step, Variable

_METRIC: Final = f'{c.JOB},metric="$metric",slice="all"'
_MOST_LINES: Final = 20
_NAME: Final = "{{model}} {{version}}"


def _each(name: str, selector: str = c.JOB) -> str:
    """A number of every model version."""
    return f"max by (model, version) ({name}{{{selector}}})"


def _top(expr: str) -> Query:
    return Query(f"topk({_MOST_LINES}, {expr})", _NAME)


def _judged(cause_matcher: str) -> str:
    """How many model versions have such a verdict: 0 is a count too."""
    return f"sum(max by (model, version, cause) (sentinel_verdict{{{c.JOB},cause{cause_matcher}}}))"


def _count(title: str, description: str, expr: str, steps: tuple[Step, ...]) -> Panel:
    return number(title, description, Query(expr, "models"), steps=steps, width=4, height=4)


_COUNTS: Final = (
    _count(
        "Model versions",
        "How many are watched. One that is missing here is not in the configuration of any process.",
        f"count({_each('sentinel_verdict_confidence_ratio')})",
        NEUTRAL,
    ),
    _count(
        "Leakage is named",
        "Model versions whose verdict is a kind of leakage in the offline estimate.",
        _judged(f'=~"{c.LEAKAGE}"'),
        c.limit(1),
    ),
    _count(
        "Another cause is named",
        "Model versions whose verdict is a drift or a fault in the data.",
        _judged(f'!~"{c.LEAKAGE}|{c.NOT_NAMED}"'),
        c.limit(1, "orange"),
    ),
    _count(
        "Not enough evidence",
        "Model versions of which nothing can be said yet: too few outcomes, or an offline estimate that is too wide.",
        _judged(f'="{Cause.INSUFFICIENT_EVIDENCE}"'),
        c.limit(1, "blue"),
    ),
    _count("Healthy", "Model versions that keep what validation promised.", _judged(f'="{Cause.NONE}"'), NEUTRAL),
    _count(
        "Alerts held now",
        "Over all model versions; each has a runbook.",
        f"count(max without (instance, pod) (sentinel_alert_active{{{c.JOB}}}) > 0) or vector(0)",
        c.limit(1, "orange"),
    ),
)
_MODELS: Final = (
    table(
        "Models, the strongest evidence of a gap first",
        "One line for each model version: what explains best what is seen, how sure that is, the gap of the chosen "
        "metric over all traffic (above 0 live is worse) with its lower bound, what the numbers rest on, and whether "
        "somebody has acknowledged the verdict (1). A click opens the model.",
        Query(f"max by (model, version, cause) (sentinel_verdict{{{c.JOB}}}) == 1", "Verdict", shows="cause"),
        Query(_each("sentinel_verdict_confidence_ratio"), "Confidence", "percentunit"),
        Query(_each("sentinel_gap", _METRIC), "Gap"),
        Query(_each("sentinel_gap_lower", _METRIC), "Lower bound"),
        Query(_each("sentinel_gap_log_evidence", _METRIC), "Log evidence"),
        Query(_each("sentinel_estimate_outcomes", f'{c.JOB},slice="all",side="online"'), "Outcomes", "short"),
        Query(_each("sentinel_outcome_coverage_ratio"), "Coverage", "percentunit"),
        Query(_each("sentinel_verdict_acknowledged"), "Acknowledged"),
        width=24,
        height=10,
        opens=c.TO_MODEL,
        worst="Log evidence",
    ),
    shares(
        "Leakage, by probability",
        "The verdict's belief in any kind of leakage. Dashed: where, with a gap since launch, the alert pages.",
        _top(
            "sum by (model, version) (max by (model, version, cause) (\n"
            f'  sentinel_cause_probability_ratio{{{c.JOB},cause=~"{c.LEAKAGE}"}}\n'
            "))"
        ),
        steps=c.limit(PAGE_PROBABILITY),
        opens=c.TO_MODEL,
    ),
    lines(
        "Gap that is proved",
        "Lower bound of the gap of the chosen metric over all traffic. A gap is proved above the dashed 0.",
        _top(_each("sentinel_gap_lower", _METRIC)),
        steps=c.limit(0),
        opens=c.TO_MODEL,
    ),
    lines(
        "Live performance",
        "The chosen metric by live outcomes. Compare versions of one model, and never two metrics.",
        _top(_each("sentinel_online_estimate", _METRIC)),
        opens=c.TO_MODEL,
    ),
    shares(
        "Outcomes that arrived",
        "Share of the predictions old enough to have an outcome that have one, the lowest first. Below the dashed line "
        "live estimates may rest on those that answer early.",
        Query(f"bottomk({_MOST_LINES}, {_each('sentinel_outcome_coverage_ratio')})", _NAME),
        steps=c.at_least(LEAST_COVERAGE, "orange"),
        opens=c.TO_MODEL,
    ),
    lines(
        "Age of the baselines",
        "Time since the last validation row behind each offline estimate, in event time. An old promise is held "
        "against a world that has moved on.",
        _top(
            f"{_each('sentinel_watermark_timestamp_seconds')}\n"
            f"  - {_each('sentinel_baseline_validation_end_timestamp_seconds')}"
        ),
        unit="s",
        opens=c.TO_MODEL,
    ),
    amounts(
        "Alerts by model",
        "The alerts that the daemon holds, by severity.",
        Query(
            "count by (model, version, severity) (\n"
            f"  max without (instance, pod) (sentinel_alert_active{{{c.JOB}}}) > 0\n)",
            "{{model}} {{version}}, {{severity}}",
        ),
        unit="none",
        no_value="none",
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
    panels=(*_COUNTS, *_MODELS),
)
