"""Offline against live: a tick, a dot, and the way between them."""

from __future__ import annotations

from sentinel.console.charts.axis import Axis
from sentinel.console.charts.row import dot, row, span, tick, upright
from sentinel.console.markup import Html
from sentinel.evaluation.findings import Value


def dumbbell(axis: Axis, offline: Value, online: Value, *, reference: float) -> Html:
    """The row of one pair of estimates.

    Parameters
    ----------
    axis : Axis
    offline, online : Value
        Either may hold no estimate; then its mark is left out.
    reference : float
        Where a thin line stands: no association, for an AUC.
    """
    marks = [upright(axis, reference, "zero")]
    if offline.value is not None and online.value is not None:
        marks.append(span(axis, offline.value, online.value, "between"))
    if offline.value is not None:
        marks.append(tick(axis, offline.value, "offline-tick"))
    if online.value is not None:
        marks.append(dot(axis, online.value, "live-fill"))
    return row(*marks)
