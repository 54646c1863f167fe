"""Each feature's recomputed values against those that were served, of all backfilled predictions and by outcome.

``backfill_bits`` counts those with an outcome by whether the served value was high, whether the recomputed one is, and
the outcome: what each of the two knows, of the same predictions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from sentinel.events.batch import I64
from sentinel.summaries.algebra import EVERY_TASK, Arrays, ArraySpec, Cells, SummaryKind, add_counts
from sentinel.summaries.backfilled import N_STATUSES, NOT_GIVEN, knowledge, statuses
from sentinel.summaries.layout import Layout
from sentinel.summaries.rows import Rows
from sentinel.summaries.view import outcome_bits


def _arrays(layout: Layout) -> Mapping[str, ArraySpec]:
    shape = (len(layout.features), N_STATUSES)
    return {
        "backfills": ArraySpec(shape),
        "backfill_outcomes": ArraySpec((*shape, 2)),
        "backfill_bits": ArraySpec((len(layout.features), 2, 2, 2)),
    }


def _cells(layout: Layout, rows: Rows) -> I64:
    cells: I64 = statuses(layout, rows) + np.arange(len(layout.features)) * N_STATUSES
    return cells


def _on_backfills(layout: Layout, arrays: Arrays, rows: Rows, sign: int) -> None:
    add_counts(arrays["backfills"], _cells(layout, rows), sign)


def _on_outcomes(layout: Layout, rows: Rows) -> Iterator[Cells]:
    backfilled = rows["backfilled"]
    if backfilled.any():
        found, bits = statuses(layout, rows), outcome_bits(layout, rows)[:, None]
        features = np.arange(len(layout.features))
        yield Cells("backfill_outcomes", 2 * (found + features * N_STATUSES) + bits, backfilled.astype(np.int64))
        given = ((found != NOT_GIVEN) & (backfilled == 1)[:, None]).astype(np.int64)
        yield Cells("backfill_bits", 2 * (knowledge(layout, rows) + 4 * features) + bits, given)


KIND = SummaryKind(
    "backfills",
    EVERY_TASK,
    _arrays,
    None,
    _on_outcomes,
    on_backfills=_on_backfills,
)
