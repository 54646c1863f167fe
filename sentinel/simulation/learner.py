"""The real models of the simulated teams: scikit-learn pipelines, trained on one core, reproducibly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from sentinel.errors import FatalError
from sentinel.simulation.scenario import ENVELOPE

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from sentinel.simulation.scenario import LearnerName

F64 = npt.NDArray[np.float64]


class MissingExtraError(FatalError):
    """A part that is installed only on request is not there."""


def feature_names(frame: pd.DataFrame) -> list[str]:
    """Every column that is not of the envelope, in the frame's order."""
    return [name for name in frame.columns if name not in ENVELOPE]


def train(rows: pd.DataFrame, learner: LearnerName, seed: int) -> Callable[[pd.DataFrame], F64]:
    """Fit a classifier of ``outcome`` on the features.

    Parameters
    ----------
    rows : DataFrame
        With ``outcome`` (0 or 1) and the features; text columns are categories, nulls are allowed.
    learner : {"boosting", "forest"}
        Boosted trees that generalise, or a forest of full trees that remembers each training row.
    seed : int

    Returns
    -------
    callable
        Frame with the same features -> P(outcome = 1), float64 array, shape (n,). Two machines with different
        numbers of cores get the same scores.

    Raises
    ------
    MissingExtraError
        If scikit-learn is not installed.
    """
    try:
        from sklearn.compose import make_column_transformer
        from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OrdinalEncoder
        from threadpoolctl import threadpool_limits
    except ImportError as error:
        raise MissingExtraError(
            "a simulation trains a real model: pip install 'sentinel-leakage[simulation]'"
        ) from error
    names = feature_names(rows)
    categories = [name for name in names if not np.issubdtype(_numpy_type(rows[name]), np.number)]
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan)
    classifier: Any = RandomForestClassifier(40, min_samples_leaf=1, random_state=seed, n_jobs=1)
    if learner == "boosting":
        classifier = HistGradientBoostingClassifier(
            max_iter=80,
            max_leaf_nodes=8,
            learning_rate=0.1,
            early_stopping=False,
            categorical_features=list(range(len(categories))),
            random_state=seed,
        )
    pipeline = make_pipeline(make_column_transformer((encoder, categories), remainder="passthrough"), classifier)
    with threadpool_limits(1):
        pipeline.fit(rows[names], rows["outcome"].to_numpy())

    def score(frame: pd.DataFrame) -> F64:
        with threadpool_limits(1):
            probabilities: F64 = pipeline.predict_proba(frame[names])[:, 1]
        return probabilities

    return score


def auc(outcomes: npt.NDArray[np.int64], scores: F64) -> float:
    """Area under the ROC curve by ranks (Mann-Whitney), ties counted half.

    Raises
    ------
    ValueError
        If only one class is there.

    Examples
    --------
    >>> auc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.4, 0.8]))
    0.875
    """
    n_positive = int(outcomes.sum())
    n_negative = len(outcomes) - n_positive
    if not (n_positive and n_negative):
        raise ValueError(f"AUC needs both classes: {n_positive} positives, {n_negative} negatives")
    rank_sum = float(rankdata(scores)[outcomes == 1].sum())
    return (rank_sum - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative)


def _numpy_type(column: pd.Series[Any]) -> np.dtype[Any]:
    return column.dtype if isinstance(column.dtype, np.dtype) else np.dtype(object)
