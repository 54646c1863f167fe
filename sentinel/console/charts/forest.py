"""What findings inflate, with the intervals, on one axis: a forest plot, one row each."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sentinel.audit.findings import Inflation
from sentinel.console.charts.axis import Axis
from sentinel.console.charts.row import dot, row, span, upright
from sentinel.console.markup import Html

_ROOM = 3.0
"""Ends of intervals beyond so many times the largest gain are cut: they would squeeze all others."""


def forest(found: Sequence[Inflation | None]) -> list[Html | None]:
    """A row for each; None where the inflation is not known. Metrics of several units have an axis each.

    Parameters
    ----------
    found : sequence of Inflation or None
    """
    known = [one for one in found if one is not None and _is_finite(one)]
    axes = {metric: _axis([one for one in known if one.metric == metric]) for metric in {one.metric for one in known}}
    return [None if one is None or not _is_finite(one) else _row(axes[one.metric], one) for one in found]


def _is_finite(one: Inflation) -> bool:
    return all(map(math.isfinite, (one.gain.value, one.gain.lower, one.gain.upper)))


def _axis(found: Sequence[Inflation]) -> Axis:
    room = _ROOM * max(abs(one.gain.value) for one in found)
    ends = [min(max(end, -room), room) for one in found for end in (one.gain.lower, one.gain.upper)]
    return Axis.over([0.0, *(one.gain.value for one in found), *ends])


def _row(axis: Axis, one: Inflation) -> Html:
    tone = "worse" if one.gain.lower > 0.0 else "better" if one.gain.upper < 0.0 else "live"
    return row(
        upright(axis, 0.0, "zero"),
        span(axis, one.gain.lower, one.gain.upper, f"{tone}-line"),
        dot(axis, one.gain.value, f"{tone}-fill"),
    )
