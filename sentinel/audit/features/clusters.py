"""Groups of rows that a model explains alike, so that a person looks at a few explanations and not at rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from sentinel.events.batch import F64, I64

MOST_GROUPS: Final = 8
"""As many as anyone reads."""
LEAST_SILHOUETTE: Final = 0.25
"""Mean silhouette below which there is no structure to speak of: then all rows are one group."""
MOST_FITTED: Final = 2_000
"""Rows that centres are fitted to; all others go to the nearest."""
MOST_COMPARED: Final = 600
"""Rows whose distances to each other the silhouette takes."""
EXEMPLARS: Final = 5
DOMINATING: Final = 3
"""Features named of a group."""


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that are explained alike.

    Parameters
    ----------
    places : int64, shape (n,)
        Rows, by their place in the matrix.
    exemplars : tuple of int
        The rows nearest to the middle of the group.
    leading : tuple of (int, float)
        The features that contribute most, by their column, with their mean share of all contributions, 0..1.
    """

    places: I64
    exemplars: tuple[int, ...]
    leading: tuple[tuple[int, float], ...]


def shares_of(attributions: F64) -> F64:
    """Each contribution over the sum of the absolute ones of its row, -1..1; a row without any is all zeros.

    Parameters
    ----------
    attributions : float64, shape (n, n_features)
        What is no finite number contributes nothing.

    Examples
    --------
    >>> shares_of(np.array([[3.0, -1.0], [0.0, 0.0]])).tolist()
    [[0.75, -0.25], [0.0, 0.0]]
    """
    known = np.where(np.isfinite(attributions), attributions, 0.0)
    scale = np.abs(known).max(axis=1, keepdims=True)
    known = known / np.where(scale > 0.0, scale, 1.0)  # sums of huge ones stay finite
    total = np.abs(known).sum(axis=1, keepdims=True)
    shares: F64 = known / np.where(total > 0.0, total, 1.0)
    return shares


def group_alike(shares: F64, generator: np.random.Generator) -> tuple[Group, ...]:
    """Group rows by their profile of contributions.

    Parameters
    ----------
    shares : float64, shape (n, n_features)
        As `shares_of` gives them.
    generator : Generator
        Of the samples and of the first centres.

    Returns
    -------
    tuple of Group
        The largest first; one of all rows where they do not fall apart. Empty without rows.

    Raises
    ------
    ImportError
        If scikit-learn is not installed.

    Notes
    -----
    k-means, the number of groups from 2 to ``MOST_GROUPS`` by the greatest mean silhouette, if that reaches
    ``LEAST_SILHOUETTE``. O(n_features n) memory.

    References
    ----------
    .. [1] Kaufman & Rousseeuw (1990), Finding Groups in Data, chapter 2: below .25 no substantial structure.
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score
    from threadpoolctl import threadpool_limits

    if not len(shares):
        return ()
    fitted = shares[_some(len(shares), MOST_FITTED, generator)]
    compared = fitted[_some(len(fitted), MOST_COMPARED, generator)]
    seed = int(generator.integers(1 << 31))
    best, labels = LEAST_SILHOUETTE, np.zeros(len(shares), np.int64)
    n_distinct = len(np.unique(np.round(compared, 6), axis=0))
    with threadpool_limits(1):  # so few rows are done before a second thread has begun
        for k in range(2, min(MOST_GROUPS, n_distinct - 1, len(compared) - 1) + 1):
            model = KMeans(k, n_init=2, random_state=seed).fit(fitted)
            found = model.predict(compared)
            if len(np.unique(found)) < 2:
                continue
            reached = float(silhouette_score(compared, found))
            if reached > best:
                best, labels = reached, model.predict(shares).astype(np.int64)
    groups = [_group(shares, np.flatnonzero(labels == label)) for label in np.unique(labels)]
    return tuple(sorted(groups, key=lambda group: (-len(group.places), int(group.places[0]))))


def _some(n: int, most: int, generator: np.random.Generator) -> I64:
    return np.arange(n) if n <= most else np.sort(generator.choice(n, most, replace=False))


def _group(shares: F64, places: I64) -> Group:
    own = shares[places]
    distance = ((own - own.mean(axis=0)) ** 2).sum(axis=1)
    nearest = places[np.argsort(distance, kind="stable")[:EXEMPLARS]]
    size = np.abs(own).mean(axis=0)
    order = np.argsort(-size, kind="stable")[:DOMINATING]
    return Group(places, tuple(nearest.tolist()), tuple((int(at), float(size[at])) for at in order))
