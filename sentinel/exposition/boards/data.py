"""The data of one model version: how much comes, how late the outcomes are, and what they can bear."""

from __future__ import annotations

from typing import Final

from sentinel.diagnosis.quiet import LEAST_COVERAGE
from sentinel.evaluation.maturity import SHIFT_RATIO
from sentinel.exposition.boards import common as c
from sentinel.exposition.panels import Board, Panel, Query

_EVENTS: Final = f"max by (result) (sentinel_model_events{{{c.MODEL}"

_VOLUME: Final = (
    Panel(
        title="Predictions and outcomes",
        description="How many stand behind the report. Outcomes that stop while predictions go on are missing; the "
        "alert waits until the horizon has passed.",
        type="timeseries",
        queries=(Query(f'{_EVENTS},result=~"predictions|outcomes|joined"}})', "{{result}}"),),
        unit="short",
        minimum=0,
    ),
    Panel(
        title="Behind the estimates",
        description="Outcomes that the live estimates rest on, and rows behind the offline ones. Unequal sides are "
        "allowed for in the bounds.",
        type="timeseries",
        queries=(
            Query(f'max by (side) (sentinel_estimate_outcomes{{{c.MODEL},slice="all"}})', "{{side}}"),
            c.of_model("sentinel_mature_predictions", "mature predictions"),
        ),
        unit="short",
        minimum=0,
    ),
    Panel(
        title="What became of the rest",
        description="Predictions and outcomes that did not meet, came twice, or came late. `unlabelled` passed the "
        "horizon without an outcome.",
        type="timeseries",
        queries=(Query(f'{_EVENTS},result!~"predictions|outcomes|joined|dead_letters"}})', "{{result}}"),),
        unit="short",
        minimum=0,
    ),
    Panel(
        title="Refused events",
        description="Dead letters by what was wrong with them. They name no model that could be trusted, so these are "
        "the whole process's.",
        type="timeseries",
        queries=(
            Query(f"sum by (reason) (rate(sentinel_dead_letters_total{{{c.JOB}}}{c.RATE}))", "{{reason}}"),
        ),
        unit="eps",
        minimum=0,
    ),
)  # fmt: skip
_OUTCOMES: Final = (
    Panel(
        title="Outcomes that arrived",
        description="Share of the predictions old enough to have an outcome that have one, over all scores and in the "
        "tenth of scores where it is lowest. Below the dashed line live estimates may rest on those that answer "
        "early; far apart, outcomes are selective.",
        type="timeseries",
        queries=(
            c.of_model("sentinel_outcome_coverage_ratio", "all scores"),
            c.of_model("sentinel_outcome_lowest_coverage_ratio", "the lowest tenth"),
        ),
        unit="percentunit",
        steps=c.at_least(LEAST_COVERAGE, "orange"),
        minimum=0,
        maximum=1,
    ),
    Panel(
        title="Delay of outcomes",
        description="Time from a prediction to its outcome, over all that were joined since the counts began: half, "
        "nine tenths and 99 of 100 took less. The last line is the age at which an outcome is taken as settled.",
        type="timeseries",
        queries=(
            *(
                Query(
                    f"histogram_quantile({share},\n  max by (le) (sentinel_outcome_delay_seconds_bucket{{{c.MODEL}}}))",
                    legend,
                )
                for share, legend in ((0.5, "half"), (0.9, "nine tenths"), (0.99, "99 of 100"))
            ),
            c.of_model("sentinel_outcome_maturity_seconds", "settled"),
        ),
        unit="s",
        minimum=0,
    ),
    Panel(
        title="Delay, live over offline",
        description="Median delay of live outcomes over that of validation. Beyond the dashed line outcomes come later "
        "than the offline estimate assumed.",
        type="timeseries",
        queries=(c.of_model("sentinel_outcome_delay_change_ratio", "live over offline"),),
        unit="none",
        steps=c.limit(SHIFT_RATIO, "orange"),
        minimum=0,
    ),
)
_TIME: Final = (
    Panel(
        title="Event time behind the clock",
        description="How far the newest prediction that was read lies in the past. It grows when traffic stops or "
        "reading falls behind; in a replay of the past it starts high.",
        type="timeseries",
        queries=(
            Query(f"time() - max(sentinel_watermark_timestamp_seconds{{{c.MODEL}}})", "behind"),
        ),
        unit="s",
    ),
    Panel(
        title="Age of the baseline",
        description="Event time since the last validation row behind the offline estimate, and how old it may become, "
        "where the configuration says so.",
        type="timeseries",
        queries=(
            Query(
                f"max(sentinel_watermark_timestamp_seconds{{{c.MODEL}}})\n"
                f"  - max(sentinel_baseline_validation_end_timestamp_seconds{{{c.MODEL}}})",
                "age",
            ),
            c.of_model("sentinel_baseline_max_age_seconds", "may become"),
        ),
        unit="s",
    ),
)  # fmt: skip

DATA: Final = Board(
    uid=c.DATA_UID,
    title="Sentinel / Data",
    description="The data of one model version: how much comes, how late its outcomes are, and what they can bear.",
    variables=c.MODEL_VARIABLES,
    marks=c.MODEL_MARKS,
    panels=(*_VOLUME, *_OUTCOMES, *_TIME),
)
