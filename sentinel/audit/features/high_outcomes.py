"""Outcomes of any task as 0 or 1, for what is asked of two classes."""

from __future__ import annotations

import numpy as np

from sentinel.audit.check import Context
from sentinel.events.batch import F64


class HighOutcome:
    """Of a number whether it is above the middle, of a class whether it is the most frequent; 0 and 1 as they are.

    Parameters
    ----------
    context : Context
        The middle is that of the training sample, of the validation sample where there is none.
    """

    def __init__(self, context: Context) -> None:
        rows = context.validation if context.train is None else context.train
        known = rows.outcomes[np.isfinite(rows.outcomes)]
        self._task = context.model.task
        self._at = 0.0
        if len(known) and self._task == "regression":
            self._at = float(np.median(known))
        elif len(known) and self._task == "multiclass":
            self._at = float(np.bincount(known.astype(np.int64)).argmax())

    def __call__(self, outcomes: F64) -> F64:
        """0 or 1 a row; NaN where there is no outcome."""
        high = (outcomes == self._at) if self._task == "multiclass" else (outcomes > self._at)
        return np.where(np.isfinite(outcomes), high.astype(np.float64), np.nan)
