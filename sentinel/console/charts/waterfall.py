"""The parts of a gap, each beginning where the one before ends."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from sentinel.console.charts.axis import Axis
from sentinel.console.charts.row import block, row, upright
from sentinel.console.markup import Html


def waterfall(steps: Sequence[float], total: float) -> list[Html]:
    """One row for each step, and a last one for the whole gap.

    Parameters
    ----------
    steps : sequence of float
        Above 0 makes live worse.
    total : float
        The gap.

    Examples
    --------
    >>> len(waterfall([0.1, -0.02], 0.08))
    3
    """
    ends = [0.0]
    for step in steps:
        ends.append(ends[-1] + step)
    axis = Axis.over([*ends, total])
    pairs = [*itertools.pairwise(ends), (0.0, total)]
    return [row(upright(axis, 0.0, "zero"), block(axis, start, end, _tone(end - start))) for start, end in pairs]


def _tone(change: float) -> str:
    return "worse-fill" if change > 0 else "better-fill"
