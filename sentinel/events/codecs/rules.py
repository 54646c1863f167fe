"""What a score and an outcome may be, by task: one rule for every format."""

from __future__ import annotations

import numpy as np

from sentinel.events.batch import F64, Bool
from sentinel.events.schema import Task


def right_scores(task: Task, scores: F64) -> Bool:
    """Which scores mean something: probabilities, or any finite number of a regression.

    Examples
    --------
    >>> right_scores("binary", np.array([0.5, 2.0, np.nan])).tolist()
    [True, False, False]
    >>> right_scores("regression", np.array([0.5, 2.0, np.nan])).tolist()
    [True, True, False]
    """
    if task == "regression":
        return np.isfinite(scores)
    right: Bool = (scores >= 0.0) & (scores <= 1.0)
    return right


def right_outcomes(task: Task, outcomes: F64) -> Bool:
    """Which outcomes mean something: 0 and 1, or what is a finite number: classes and grades come as their codes.

    Examples
    --------
    >>> right_outcomes("binary", np.array([0.0, 1.0, 2.0])).tolist()
    [True, True, False]
    """
    if task != "binary":
        return np.isfinite(outcomes)
    right: Bool = (outcomes == 0.0) | (outcomes == 1.0)
    return right
