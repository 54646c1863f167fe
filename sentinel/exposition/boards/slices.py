"""The slices of one model version: which fall behind their own offline estimate."""

from __future__ import annotations

from typing import Final

from sentinel.exposition.boards import common as c
from sentinel.exposition.boards.pictures import amounts, bars, lines, number, table
from sentinel.exposition.panels import NEUTRAL, Board, Query, Variable

_CHOSEN: Final = f'{c.METRIC},slice=~"$slice"'
_MOST_LINES: Final = 12


def _column(name: str, title: str) -> Query:
    return c.of_model_by("slice", name, title, selector=c.METRIC)


def _worst(name: str) -> Query:
    """Of the chosen slices the dozen highest: a page of lines says nothing."""
    return Query(f"topk({_MOST_LINES}, max by (slice) ({name}{{{_CHOSEN}}}))", "{{slice}}")


def _outcomes(side: str) -> str:
    return f'max by (slice) (sentinel_estimate_outcomes{{{c.MODEL},slice=~"$slice",side="{side}"}})'


def _all_outcomes(side: str) -> str:
    return f'max(sentinel_estimate_outcomes{{{c.MODEL},slice="all",side="{side}"}})'


_NOW: Final = (
    table(
        "Slices, the strongest evidence first",
        "The gap of the chosen metric in each slice with its bounds and evidence. A slice without a gap has too few "
        "outcomes yet. A click shows the slice over time.",
        _column("sentinel_gap", "Gap"),
        _column("sentinel_gap_lower", "Lower bound"),
        _column("sentinel_gap_upper", "Upper bound"),
        _column("sentinel_gap_log_evidence", "Log evidence"),
        _column("sentinel_offline_estimate", "Offline"),
        _column("sentinel_online_estimate", "Live"),
        Query(f'max by (slice) (sentinel_estimate_outcomes{{{c.MODEL},side="online"}})', "Outcomes", "short"),
        width=24,
        height=12,
        opens=c.TO_SLICE,
        worst="Log evidence",
    ),
    number(
        "Slices that are raised",
        "Slices over which the daemon holds an alert. At most the configured share of them are false alarms, however "
        "many slices there are.",
        Query(
            "count(max by (slice) (\n"
            f'  sentinel_alert_active{{{c.MODEL},alert="SentinelSliceGap"}}\n'
            ") > 0) or vector(0)",
            "slices",
        ),
        steps=c.limit(1, "orange"),
        width=8,
        height=4,
    ),
    number(
        "Slices with an estimate",
        "Slices with enough outcomes to be held against their offline estimate.",
        Query(f'count(max by (slice) (sentinel_gap{{{c.METRIC},slice!="all"}})) or vector(0)', "slices"),
        steps=NEUTRAL,
        width=8,
        height=4,
    ),
    number(
        "Slices left out",
        "Time series of slices that did not fit into `limits.max_series` at the latest evaluations, the least "
        "suspicious first. They are in the report.",
        Query(f'sum(increase(sentinel_series_dropped_total{{{c.JOB},reason="slice_budget"}}{c.RATE}))', "time series"),
        unit="short",
        steps=c.limit(1, "orange"),
        width=8,
        height=4,
    ),
)
_OVER_TIME: Final = (
    lines(
        "Gap by slice",
        "Above 0 live is worse than this slice's own offline estimate; a thin slice moves by chance alone.",
        _worst("sentinel_gap"),
        steps=c.limit(0),
    ),
    lines(
        "Gap that is proved, by slice",
        "Lower bound of the gap. One slice alone above the dashed 0 has a gap; of many, look at the alerts, which "
        "count how many were looked at.",
        _worst("sentinel_gap_lower"),
        steps=c.limit(0),
    ),
    lines(
        "Evidence by slice",
        "Natural log of the odds that outcomes give to a gap. How much it takes depends on how many slices there are, "
        "so no line is drawn.",
        _worst("sentinel_gap_log_evidence"),
    ),
    lines(
        "Live performance by slice",
        "The chosen metric by live outcomes. Compare a slice with its own offline estimate below, not with other "
        "slices.",
        _worst("sentinel_online_estimate"),
    ),
    lines(
        "Offline performance by slice",
        "What validation promised. It moves only when the baseline is replaced.",
        _worst("sentinel_offline_estimate"),
    ),
    amounts(
        "Outcomes by slice",
        "Known outcomes behind the live estimates. A slice that stops growing is no longer served, or its outcomes "
        "stay away.",
        Query(f"topk({_MOST_LINES}, {_outcomes('online')})", "{{slice}}"),
    ),
    bars(
        "Traffic by slice, live over offline",
        "Each slice's share of the live outcomes over its share of the validation rows. Far from 1 the mix has "
        "changed.",
        Query(
            f"topk({_MOST_LINES},\n"
            f"  ({_outcomes('online')} / {_outcomes('offline')})\n"
            f"  / scalar({_all_outcomes('online')}\n"
            f"    / {_all_outcomes('offline')})\n"
            ")",
            "{{slice}}",
        ),
        minimum=0,
        opens=c.TO_SLICE,
    ),
)

SLICES: Final = Board(
    uid=c.SLICES_UID,
    title="Sentinel / Slices",
    description="The slices of one model version: which fall behind their own offline estimate, and how sure that is.",
    variables=(
        *c.MODEL_VARIABLES,
        c.METRIC_VARIABLE,
        Variable("slice", "Slice", f"label_values(sentinel_offline_estimate{{{c.METRIC}}}, slice)", several=True),
    ),
    marks=c.MODEL_MARKS,
    panels=(*_NOW, *_OVER_TIME),
)
