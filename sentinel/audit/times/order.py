"""Whether the validation rows come after the training rows: then the files may differ as the world does."""

from __future__ import annotations

from typing import Final

import numpy as np

from sentinel.audit.check import Context
from sentinel.events.times import BAD_TIME

LATER_RATIO: Final = 0.9
"""Share of validation rows after nearly all training rows, from which the split is one by time: of a random split 1 %
are, whatever the law of the times."""
NEARLY_ALL: Final = 0.99


def is_later(context: Context) -> bool | None:
    """Whether the split is one by time, by the rows' own times; None where either file has none.

    Both ways: a validation file before the training rows is of another time, too.
    """
    if context.train is None:
        return None
    first, second = (rows.times[rows.times != BAD_TIME] for rows in (context.train, context.validation))
    if not len(first) or not len(second):
        return None
    low, high = np.quantile(first, [1.0 - NEARLY_ALL, NEARLY_ALL])
    return bool(max((second > high).mean(), (second < low).mean()) >= LATER_RATIO)
