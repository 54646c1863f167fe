"""Mutual information of each feature and the outcome, of rows that are held, as scikit-learn estimates it."""

from __future__ import annotations

import numpy as np

from sentinel.events.batch import F64


def information_scores(values: F64, outcomes: F64, *, is_number: bool, seed: int) -> F64:
    """Root of twice the information in nats, which is about the size of a correlation.

    Parameters
    ----------
    values : float64, shape (n_features, n)
        Missing ones are replaced by the mean of the others, as scikit-learn needs it.
    outcomes : float64, shape (n,)
        Rows without one are left out.
    is_number : bool
        Whether the outcome is a number, and no class.
    seed : int
        Of the jitter of 1e-10 that parts equal values.

    Returns
    -------
    float64, shape (n_features,), >= 0

    Raises
    ------
    ImportError
        If scikit-learn is missing.

    Notes
    -----
    By nearest neighbours [1]_. But for the jitter it is determined by the rows, so that a selection can be repeated.

    References
    ----------
    .. [1] Kraskov, Stogbauer & Grassberger (2004), Estimating mutual information, Phys. Rev. E 69:066138; Ross (2014),
       Mutual information between discrete and continuous data sets, PLoS ONE 9(2):e87357.
    """
    from sklearn.feature_selection import mutual_info_classif, mutual_info_regression

    used = np.isfinite(outcomes)
    known = np.isfinite(values[:, used])
    some = np.where(known, values[:, used], 0.0)
    means = some.sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    filled = np.where(known, some, means[:, None]).T
    estimate = mutual_info_regression if is_number else mutual_info_classif
    nats: F64 = estimate(filled, outcomes[used], random_state=seed)
    return np.sqrt(2.0 * np.maximum(nats, 0.0))
