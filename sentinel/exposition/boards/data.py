"""The data of one model version: how much comes, how late the outcomes are, and what they can bear."""

from __future__ import annotations

from typing import Final

from sentinel.diagnosis.quiet import LEAST_COVERAGE
from sentinel.evaluation.maturity import SHIFT_RATIO
from sentinel.exposition.boards import common as c
from sentinel.exposition.boards.pictures import amounts, lines, shares
from sentinel.exposition.panels import Board, Query


def _events(matcher: str) -> Query:
    """What became of events, but for those that the matcher leaves out."""
    return c.of_model_by("result", "sentinel_model_events", selector=f"{c.MODEL},result{matcher}")


_VOLUME: Final = (
    amounts(
        "Predictions and outcomes",
        "How many stand behind the report. Outcomes that stop while predictions go on are missing; the alert waits "
        "until the horizon has passed.",
        _events('=~"predictions|outcomes|joined"'),
    ),
    amounts(
        "Behind the estimates",
        "Outcomes that the live estimates rest on, and rows behind the offline ones. Unequal sides are allowed for in "
        "the bounds.",
        c.of_model_by("side", "sentinel_estimate_outcomes", selector=f'{c.MODEL},slice="all"'),
        c.of_model("sentinel_mature_predictions", "mature predictions"),
    ),
    amounts(
        "What became of the rest",
        "Predictions and outcomes that did not meet, came twice, or came late. `unjoined` passed the horizon without "
        "an outcome.",
        _events('!~"predictions|outcomes|joined|dead_letters"'),
    ),
    amounts(
        "Refused events",
        "Dead letters by what was wrong with them. They name no model that could be trusted, so these are the whole "
        "process's.",
        Query(f"sum by (reason) (rate(sentinel_dead_letters_total{{{c.JOB}}}{c.RATE}))", "{{reason}}"),
        unit="eps",
    ),
)
_OUTCOMES: Final = (
    shares(
        "Outcomes that arrived",
        "Share of the predictions old enough to have an outcome that have one, over all scores and in the tenth of "
        "scores where it is lowest. Below the dashed line live estimates may rest on those that answer early; far "
        "apart, outcomes are selective.",
        c.of_model("sentinel_outcome_coverage_ratio", "all scores"),
        c.of_model("sentinel_outcome_lowest_coverage_ratio", "the lowest tenth"),
        steps=c.at_least(LEAST_COVERAGE, "orange"),
    ),
    amounts(
        "Delay of outcomes",
        "Time from a prediction to its outcome, over all that were joined since the counts began: half, nine tenths "
        "and 99 of 100 took less. The last line is the age at which an outcome is taken as settled.",
        *(
            Query(
                f"histogram_quantile({share},\n  max by (le) (sentinel_outcome_delay_seconds_bucket{{{c.MODEL}}}))",
                legend,
            )
            for share, legend in ((0.5, "half"), (0.9, "nine tenths"), (0.99, "99 of 100"))
        ),
        c.of_model("sentinel_outcome_maturity_seconds", "settled"),
        unit="s",
    ),
    amounts(
        "Delay, live over offline",
        "Median delay of live outcomes over that of validation. Beyond the dashed line outcomes come later than the "
        "offline estimate assumed.",
        c.of_model("sentinel_outcome_delay_change_ratio", "live over offline"),
        unit="none",
        steps=c.limit(SHIFT_RATIO, "orange"),
    ),
)
_TIME: Final = (
    lines(
        "Event time behind the clock",
        "How far the newest prediction that was read lies in the past. It grows when traffic stops or reading falls "
        "behind; in a replay of the past it starts high.",
        Query(f"time() - max(sentinel_watermark_timestamp_seconds{{{c.MODEL}}})", "behind"),
        unit="s",
    ),
    lines(
        "Age of the baseline",
        "Event time since the last validation row behind the offline estimate, and how old it may become, where the "
        "configuration says so.",
        Query(
            f"max(sentinel_watermark_timestamp_seconds{{{c.MODEL}}})\n"
            f"  - max(sentinel_baseline_validation_end_timestamp_seconds{{{c.MODEL}}})",
            "age",
        ),
        c.of_model("sentinel_baseline_max_age_seconds", "may become"),
        unit="s",
    ),
)

DATA: Final = Board(
    uid=c.DATA_UID,
    title="Sentinel / Data",
    description="The data of one model version: how much comes, how late its outcomes are, and what they can bear.",
    variables=c.MODEL_VARIABLES,
    marks=c.MODEL_MARKS,
    panels=(*_VOLUME, *_OUTCOMES, *_TIME),
)
