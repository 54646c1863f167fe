"""How old each feature's value was when it was served, of the predictions that carry feature times."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sentinel.summaries.algebra import EVERY_TASK, Arrays, ArraySpec, SummaryKind, add_counts
from sentinel.summaries.checks import AGE_BITS, N_AGE_BINS, TOO_OLD
from sentinel.summaries.layout import Layout
from sentinel.summaries.rows import Rows


def _arrays(layout: Layout) -> Mapping[str, ArraySpec]:
    n = len(layout.features)
    return {
        "ages": ArraySpec((n, N_AGE_BINS)),
        "too_old": ArraySpec((n,)),
        "unused_times": ArraySpec((1,)),
    }


def _on_checks(layout: Layout, arrays: Arrays, checked: Rows) -> None:
    del layout
    facts = checked["facts"]
    ages = facts & AGE_BITS
    _, features = given = np.nonzero(ages)
    add_counts(arrays["ages"], features * N_AGE_BINS + ages[given] - 1)
    arrays["too_old"] += np.count_nonzero(facts & TOO_OLD, axis=0)
    arrays["unused_times"] += int(checked["unused"].sum(dtype=np.int64))


KIND = SummaryKind("ages", EVERY_TASK, _arrays, on_checks=_on_checks)
