"""A reference learner for those who have no fit of their own: ``--fit-with sentinel.audit.learner:fit``."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from sentinel.errors import FatalError
from sentinel.events.batch import F64

MOST_CATEGORIES: Final = 60
"""Of a column that are told apart, the commonest: each takes one of the trees' bins."""
N_TREES: Final = 50
N_BINS: Final = 64
"""Half the trees and a quarter of the bins that are usual: two splits are told apart as well in a third of the time."""
_SEED: Final = 20_261_121


def fit(
    train: pd.DataFrame, rows: pd.DataFrame, *, features: Sequence[str], outcome: str, task: str,
    classes: Sequence[str] = (),
) -> F64:  # fmt: skip
    """Fit gradient-boosted trees to some rows and score others; nothing is tuned.

    Two splits are compared by it, not two models: what one learner loses from one split to the other is the split's.

    Parameters
    ----------
    train : DataFrame
        With the outcome.
    rows : DataFrame
        To be scored; the outcome, if there, is not read.
    features : sequence of str
        Columns to learn from; those that the frames lack are passed over.
    outcome : str
    task : str
        ``binary``, ``regression`` or ``multiclass``.
    classes : sequence of str
        Of a multiclass task, in the order of the probabilities.

    Returns
    -------
    float64, shape (n_rows,), or (n_rows, n_classes) of a multiclass task

    Raises
    ------
    FatalError
        Without scikit-learn, for another task, or where the frames share no feature.
    """
    names = [name for name in features if name in train.columns and name in rows.columns]
    if not names:
        raise FatalError("the training rows and the rows to score share no number and no category to learn from")
    if task not in ("binary", "regression", "multiclass"):
        raise FatalError(f"the reference learner knows no {task}: give a fit of your own")
    with _one_thread():
        return _scores(*_encoded(train, rows, names), train[outcome], task, classes)


def _scores(
    inputs: F64, asked: F64, is_word: list[bool], outcomes: pd.Series, task: str, classes: Sequence[str]
) -> F64:
    if task == "regression":
        trees = _trees("HistGradientBoostingRegressor", is_word).fit(inputs, outcomes.to_numpy(np.float64))
        return np.asarray(trees.predict(asked), np.float64)
    is_binary = task == "binary"
    given = outcomes.to_numpy(np.float64).astype(np.int64) if is_binary else outcomes.astype(str)
    trees = _trees("HistGradientBoostingClassifier", is_word).fit(inputs, given)
    probabilities, known = trees.predict_proba(asked), {name: at for at, name in enumerate(trees.classes_)}
    if is_binary:
        return np.asarray(probabilities[:, known[1]], np.float64)
    scores = np.zeros((len(asked), len(classes)))
    for at, name in enumerate(classes):
        if name in known:
            scores[:, at] = probabilities[:, known[name]]
    return scores


def _one_thread() -> Any:
    """Threads that wait for each other on a busy machine cost ten times what they save on so few rows."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:  # comes with scikit-learn, whose absence is told of when it is asked for
        return contextlib.nullcontext()
    return threadpool_limits(1)


def _trees(name: str, is_word: Sequence[bool]) -> Any:
    try:
        from sklearn import ensemble
    except ImportError as error:
        raise FatalError("the reference learner needs scikit-learn: pip install 'sentinel-leakage[audit]'") from error
    return getattr(ensemble, name)(
        categorical_features=list(is_word), max_iter=N_TREES, max_bins=N_BINS, random_state=_SEED
    )


def _encoded(train: pd.DataFrame, rows: pd.DataFrame, names: Sequence[str]) -> tuple[F64, F64, list[bool]]:
    """Numbers as they are, words as the rank of how common they are in training; what is rare or new is missing."""
    inputs, asked = np.full((len(train), len(names)), np.nan), np.full((len(rows), len(names)), np.nan)
    is_word = [not _is_numeric(train[name]) or not _is_numeric(rows[name]) for name in names]
    for at, name in enumerate(names):
        if not is_word[at]:
            inputs[:, at] = train[name].to_numpy(np.float64, na_value=np.nan)
            asked[:, at] = rows[name].to_numpy(np.float64, na_value=np.nan)
            continue
        words = train[name].dropna().astype(str)
        common = {word: float(rank) for rank, word in enumerate(words.value_counts().index[:MOST_CATEGORIES])}
        for column, frame in ((inputs, train), (asked, rows)):
            known = frame[name].notna()
            column[known.to_numpy(), at] = frame.loc[known, name].astype(str).map(common).to_numpy(np.float64)
    inputs[~np.isfinite(inputs)] = np.nan
    asked[~np.isfinite(asked)] = np.nan
    return inputs, asked, is_word


def _is_numeric(column: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column) or column.isna().all())
