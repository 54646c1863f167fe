"""How long outcomes take, in doubling steps, by outcome."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from sentinel.clock import MICROSECONDS_PER_SECOND
from sentinel.events.batch import I64
from sentinel.summaries.algebra import EVERY_TASK, ArraySpec, Cells, SummaryKind
from sentinel.summaries.layout import Layout
from sentinel.summaries.rows import Rows
from sentinel.summaries.view import outcome_bits

DELAY_EDGES_SECONDS = tuple(2.0**k for k in range(25))
"""1 s to 2^24 s (194 days). Bin 0 is under a second, outcomes stamped before their prediction included."""
_EDGES_US = np.array(DELAY_EDGES_SECONDS) * MICROSECONDS_PER_SECOND


def delay_bins(delays_us: I64) -> I64:
    """Bin of each delay in microseconds.

    Examples
    --------
    >>> delay_bins(np.array([-5, 0, 1_000_000, 3_000_000]))
    array([0, 0, 1, 2])
    """
    return np.searchsorted(_EDGES_US, delays_us, side="right").astype(np.int64)


def _arrays(layout: Layout) -> Mapping[str, ArraySpec]:
    return {"delays": ArraySpec((len(DELAY_EDGES_SECONDS) + 1, 2))}


def _on_outcomes(layout: Layout, rows: Rows) -> Iterator[Cells]:
    bins = delay_bins(rows["outcome_at"] - rows["predicted_at"])
    yield Cells("delays", bins * 2 + outcome_bits(layout, rows))


KIND = SummaryKind("delays", EVERY_TASK, _arrays, on_outcomes=_on_outcomes)
