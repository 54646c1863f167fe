"""The slices of one model version: which fall behind their own offline estimate."""

from __future__ import annotations

from typing import Final

from sentinel.exposition.boards import common as c
from sentinel.exposition.panels import NEUTRAL, Board, Panel, Query, Variable

_CHOSEN: Final = f'{c.METRIC},slice=~"$slice"'
_MOST_LINES: Final = 12


def _column(name: str, title: str) -> Query:
    return Query(f"max by (slice) ({name}{{{c.METRIC}}})", title)


def _worst(name: str) -> Query:
    """Of the chosen slices the dozen highest: a page of lines says nothing."""
    return Query(f"topk({_MOST_LINES}, max by (slice) ({name}{{{_CHOSEN}}}))", "{{slice}}")


def _outcomes(side: str) -> str:
    return f'max by (slice) (sentinel_estimate_outcomes{{{c.MODEL},slice=~"$slice",side="{side}"}})'


_PANELS: Final = (
    Panel(
        title="Slices, the strongest evidence first",
        description="The gap of the chosen metric in each slice with its bounds and evidence. A slice without a gap "
        "has too few outcomes yet. A click shows the slice over time.",
        type="table",
        queries=(
            _column("sentinel_gap", "Gap"),
            _column("sentinel_gap_lower", "Lower bound"),
            _column("sentinel_gap_upper", "Upper bound"),
            _column("sentinel_gap_log_evidence", "Log evidence"),
            _column("sentinel_offline_estimate", "Offline"),
            _column("sentinel_online_estimate", "Live"),
            Query(
                f'max by (slice) (sentinel_estimate_outcomes{{{c.MODEL},side="online"}})',
                "Outcomes",
                "short",
            ),
        ),
        unit="none",
        width=24,
        height=12,
        opens=c.TO_SLICE,
        worst="Log evidence",
    ),
    Panel(
        title="Slices that are raised",
        description="Slices over which the daemon holds an alert. At most the configured share of them are false "
        "alarms, however many slices there are.",
        type="stat",
        queries=(
            Query(
                "count(max by (slice) (\n"
                f'  sentinel_alert_active{{{c.MODEL},alert="SentinelSliceGap"}}\n'
                ") > 0) or vector(0)",
                "slices",
            ),
        ),
        unit="none",
        steps=c.limit(1, "orange"),
        width=8,
        height=4,
    ),
    Panel(
        title="Slices with an estimate",
        description="Slices with enough outcomes to be held against their offline estimate.",
        type="stat",
        queries=(Query(f'count(max by (slice) (sentinel_gap{{{c.METRIC},slice!="all"}})) or vector(0)', "slices"),),
        unit="none",
        steps=NEUTRAL,
        width=8,
        height=4,
    ),
    Panel(
        title="Slices left out",
        description="Time series of slices that did not fit into `limits.max_series` at the latest evaluations, the "
        "least suspicious first. They are in the report.",
        type="stat",
        queries=(
            Query(
                f'sum(increase(sentinel_series_dropped_total{{{c.JOB},reason="slice_budget"}}{c.RATE}))',
                "time series",
            ),
        ),
        unit="short",
        steps=c.limit(1, "orange"),
        width=8,
        height=4,
    ),
    Panel(
        title="Gap by slice",
        description="Above 0 live is worse than this slice's own offline estimate; a thin slice moves by chance alone.",
        type="timeseries",
        queries=(_worst("sentinel_gap"),),
        unit="none",
        steps=c.limit(0),
    ),
    Panel(
        title="Gap that is proved, by slice",
        description="Lower bound of the gap. One slice alone above the dashed 0 has a gap; of many, look at the "
        "alerts, which count how many were looked at.",
        type="timeseries",
        queries=(_worst("sentinel_gap_lower"),),
        unit="none",
        steps=c.limit(0),
    ),
    Panel(
        title="Evidence by slice",
        description="Natural log of the odds that outcomes give to a gap. How much it takes depends on how many slices "
        "there are, so no line is drawn.",
        type="timeseries",
        queries=(_worst("sentinel_gap_log_evidence"),),
        unit="none",
    ),
    Panel(
        title="Live performance by slice",
        description="The chosen metric by live outcomes. Compare a slice with its own offline estimate below, not with "
        "other slices.",
        type="timeseries",
        queries=(_worst("sentinel_online_estimate"),),
        unit="none",
    ),
    Panel(
        title="Offline performance by slice",
        description="What validation promised. It moves only when the baseline is replaced.",
        type="timeseries",
        queries=(_worst("sentinel_offline_estimate"),),
        unit="none",
    ),
    Panel(
        title="Outcomes by slice",
        description="Known outcomes behind the live estimates. A slice that stops growing is no longer served, or its "
        "outcomes stay away.",
        type="timeseries",
        queries=(Query(f"topk({_MOST_LINES}, {_outcomes('online')})", "{{slice}}"),),
        unit="short",
        minimum=0,
    ),
    Panel(
        title="Traffic by slice, live over offline",
        description="Each slice's share of the live outcomes over its share of the validation rows. Far from 1 the mix "
        "has changed.",
        type="bargauge",
        queries=(
            Query(
                f"topk({_MOST_LINES},\n"
                f"  ({_outcomes('online')} / {_outcomes('offline')})\n"
                f'  / scalar(max(sentinel_estimate_outcomes{{{c.MODEL},slice="all",side="online"}})\n'
                f'    / max(sentinel_estimate_outcomes{{{c.MODEL},slice="all",side="offline"}}))\n'
                ")",
                "{{slice}}",
            ),
        ),
        unit="none",
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
    panels=_PANELS,
)
