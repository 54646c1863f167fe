"""The models of the trials: logistic regression, boosted trees, a forest; fast, on one core, the same everywhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import rankdata

from sentinel.simulation.learner import MissingExtraError
from sentinel.simulation.rows import F64, I64, Field

if TYPE_CHECKING:
    from sentinel.simulation.nuisances import LearnerKind

Score = Callable[[F64], F64]
"""Feature matrix, shape (n, n_fields) -> P(outcome = 1), shape (n,)."""

_MISSING = "a trial trains a real model: pip install 'sentinel-leakage[simulation]'"
_BANK = 30
"""Members that candidate models are blended from."""
_FINE_BINS = 150
"""Bins of a fine field in a linear model: enough to tell the entities of a small training set apart."""


def fit(
    x: F64,
    outcome: I64,
    fields: Sequence[Field],
    learner: LearnerKind,
    capacity: float,
    seed: int,
    *,
    size: float = 1.0,
) -> Score:
    """Train a classifier.

    Parameters
    ----------
    x : float64 array, shape (n, n_fields)
    outcome : int64 array, shape (n,)
        Both classes.
    fields : sequence of Field
    learner : {"logistic", "boosting", "forest"}
    capacity : float in [0, 1]
        How far it may adapt to single rows.
    seed : int
    size : float in (0, 1]
        Share of the usual number of trees.

    Returns
    -------
    callable
        Feature matrix -> P(outcome = 1).

    Raises
    ------
    MissingExtraError
        If scikit-learn is not installed.
    """
    try:
        from threadpoolctl import threadpool_limits
    except ImportError as error:
        raise MissingExtraError(_MISSING) from error
    encode = _encoder(x, fields, learner)
    classifier = _classifier(learner, capacity, len(x), fields, seed, size)
    with threadpool_limits(1):
        classifier.fit(encode(x), outcome)

    def score(rows: F64) -> F64:
        with threadpool_limits(1):
            probabilities: F64 = classifier.predict_proba(encode(rows))[:, 1]
        return probabilities

    return score


def choose(
    train: tuple[F64, I64],
    validation: tuple[F64, I64],
    fields: Sequence[Field],
    learner: LearnerKind,
    n_candidates: int,
    n_blended: int,
    rng: np.random.Generator,
) -> Score:
    """Compare candidates on the validation rows and keep the one that is best there.

    Candidates are blends of a few members of a bank, each trained on a resample of rows with some of the features.

    Parameters
    ----------
    train, validation : (float64 array, int64 array)
        Features and outcomes.
    fields : sequence of Field
    learner : {"logistic", "boosting", "forest"}
    n_candidates : int, >= 1
    n_blended : int, >= 1
        Members in a blend; the fewer, the less alike the candidates.
    rng : Generator

    Returns
    -------
    callable
        Feature matrix -> score in [0, 1].
    """
    members = [_member(*train, fields, learner, rng) for _ in range(_BANK)]
    scores = np.column_stack([member(validation[0]) for member in members])
    weights = np.zeros((_BANK, n_candidates))
    for candidate in range(n_candidates):
        weights[rng.choice(_BANK, n_blended, replace=False), candidate] = rng.dirichlet(np.ones(n_blended))
    is_positive = validation[1] == 1
    best = weights[:, int(np.argmax(rankdata(scores @ weights, axis=0)[is_positive].sum(axis=0)))]
    used = np.flatnonzero(best)

    def score(rows: F64) -> F64:
        return np.asarray(sum(best[i] * members[i](rows) for i in used), np.float64)

    return score


def _member(x: F64, outcome: I64, fields: Sequence[Field], learner: LearnerKind, rng: np.random.Generator) -> Score:
    columns = np.sort(rng.choice(len(fields), max(2, round(0.6 * len(fields))), replace=False))
    rows = np.concatenate([rng.integers(0, len(x), min(len(x), 1_500)), *(_one(outcome, k) for k in (0, 1))])
    part = fit(
        x[np.ix_(rows, columns)], outcome[rows], [fields[i] for i in columns], learner, 0.3,
        int(rng.integers(2**31)), size=0.1,
    )  # fmt: skip
    return lambda new: part(new[:, columns])


def _one(outcome: I64, wanted: int) -> I64:
    """A row of the class, so that no resample is of one class."""
    return np.flatnonzero(outcome == wanted)[:1]


def _classifier(learner: LearnerKind, capacity: float, n: int, fields: Sequence[Field], seed: int, size: float) -> Any:
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise MissingExtraError(_MISSING) from error

    if learner == "logistic":
        return LogisticRegression(C=10.0 ** (2.0 * capacity - 1.0), max_iter=60, tol=1e-3)
    if learner == "forest":
        return RandomForestClassifier(
            max(1, round(24 * size)),
            min_samples_leaf=1 + round(4 * (1.0 - capacity)),
            max_samples=min(n, 5_000),
            random_state=seed,
            n_jobs=1,
        )
    return HistGradientBoostingClassifier(
        max_iter=max(1, round((30 + 30 * capacity) * size)),
        max_leaf_nodes=8 + round(16 * capacity),
        learning_rate=0.1,
        min_samples_leaf=max(5, round(20 * (1.0 - capacity))),
        max_bins=128,
        early_stopping=False,
        categorical_features=[bool(field.categories) for field in fields],
        random_state=seed,
    )


def _encoder(x: F64, fields: Sequence[Field], learner: LearnerKind) -> Callable[[F64], F64]:
    if learner == "boosting":
        return lambda rows: rows
    if learner == "forest":
        low = np.nanmin(np.where(np.isfinite(x), x, np.nan), axis=0, initial=0.0)

        def filled(rows: F64) -> F64:
            return np.where(np.isnan(rows), low - 1.0, rows)

        return filled
    parts = [_linear(x[:, i], field) for i, field in enumerate(fields)]

    def encoded(rows: F64) -> F64:
        return np.column_stack([part(rows[:, i]) for i, part in enumerate(parts)])

    return encoded


def _linear(values: F64, field: Field) -> Callable[[F64], F64]:
    """Encode one field for a linear model: indicators of categories and fine bins, else a standardised value."""
    if field.categories:
        codes = np.arange(len(field.categories), dtype=np.float64)
        return lambda rows: (rows[:, None] == codes).astype(np.float64)
    known = values[~np.isnan(values)]
    if field.is_fine and len(known):
        edges = np.unique(np.quantile(known, np.linspace(0.0, 1.0, _FINE_BINS + 1)[1:-1]))
        bins = np.arange(len(edges) + 1)
        return lambda rows: (np.searchsorted(edges, rows)[:, None] == bins).astype(np.float64)
    mean = float(known.mean()) if len(known) else 0.0
    sd = max(float(known.std()), 1e-9) if len(known) else 1.0
    has_gaps = len(known) < len(values)

    def standardised(rows: F64) -> F64:
        missing = np.isnan(rows)
        value = np.where(missing, 0.0, np.clip((rows - mean) / sd, -8.0, 8.0))
        return np.column_stack([value, missing]) if has_gaps else value[:, None]

    return standardised
