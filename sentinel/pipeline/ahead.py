"""Outcomes that come ahead of their prediction: what the row that waits in its place remembers of them.

The horizon counts from the prediction, so which outcomes are on time shows only when it comes. Of two outcomes the
later may prove late while the earlier is on time; so a row holds the newest, and one to fall back on. That is exact for
two outcomes; of three with ever later times the middle one is forgotten.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from sentinel.events.batch import F64, I64, Bool
from sentinel.events.rankings import RELEVANCE, Relevances
from sentinel.summaries.rows import HEADER, ORPHAN, Rows

NO_LAYOUT = 0xFFFF
_FALLBACK_VALUE, _FALLBACK_AT, _HAS_FALLBACK = "score", "predicted_at", "spare"  # fields that an orphan has no use for
N_DUPLICATE, N_CORRECTED = "score_bin", "bucket"
"""Two more such fields: how many repeated and how many corrected outcomes an orphan has seen, for its prediction's
model version, which is not known before it comes; they stop at what the fields hold."""

GRADED, _FALLBACK_GRADED = "graded", "fallback_graded"
_FIELDS: Final[Any] = [(name, HEADER[name]) for name in HEADER.names or ()]
GRADED_HEADER: Final = np.dtype([*_FIELDS, (GRADED, RELEVANCE), (_FALLBACK_GRADED, RELEVANCE)])
"""The orphan where some outcomes grade items: what the prediction's list will be held against waits with it."""


def orphans(values: F64, times: I64, graded: Relevances | None = None) -> Rows:
    """Rows for the first outcomes of predictions that are not here.

    Parameters
    ----------
    values : float64 array, shape (n,)
    times : int64 array, shape (n,), microseconds since the epoch, UTC
    graded : structured array, shape (n,), dtype RELEVANCE, optional
        Where any model is a ranking.
    """
    rows = np.zeros(len(values), HEADER if graded is None else GRADED_HEADER)
    if graded is not None:
        rows[GRADED] = graded
    rows["layout"], rows["state"] = NO_LAYOUT, ORPHAN
    rows["outcome"], rows["outcome_at"] = values, times
    return rows


def remember(rows: Rows, values: F64, times: I64, graded: Relevances | None = None) -> None:
    """Note one more outcome in each orphan, in place.

    An outcome that is no later than the newest takes its place, since it is on time whenever that one is. One of equal
    value keeps the earlier of the two times.
    """
    same = rows["outcome"] == values
    for seen, mask in ((N_DUPLICATE, same), (N_CORRECTED, ~same)):
        rows[seen] += mask & (rows[seen] < np.iinfo(HEADER[seen]).max)
    later = times > rows["outcome_at"]
    replaced = ~later
    followed = later & ~same
    first = followed & (rows[_HAS_FALLBACK] == 0)
    for kept, newest in ((_FALLBACK_VALUE, "outcome"), (_FALLBACK_AT, "outcome_at")):
        rows[kept] = np.where(first, rows[newest], rows[kept])
    if graded is not None:
        rows[_FALLBACK_GRADED][first] = rows[GRADED][first]
        rows[GRADED][replaced | followed] = graded[replaced | followed]
    rows[_HAS_FALLBACK] |= first
    rows[_HAS_FALLBACK] &= ~(replaced & (rows[_FALLBACK_AT] >= times))
    rows["outcome"] = np.where(replaced | followed, values, rows["outcome"])
    rows["outcome_at"] = np.where(replaced | followed, times, rows["outcome_at"])


class Settled(NamedTuple):
    """The outcomes that count; arrays of shape (n,), ``graded`` only where any model is a ranking."""

    values: F64
    times: I64
    on_time: Bool
    graded: Relevances | None

    def take(self, chosen: Bool) -> Settled:
        """Some of them."""
        graded = None if self.graded is None else self.graded[chosen]
        return Settled(self.values[chosen], self.times[chosen], self.on_time[chosen], graded)


def settle_for(rows: Rows, latest: I64) -> Settled:
    """Choose the outcome that counts, now that the prediction is here.

    Parameters
    ----------
    rows : orphans, shape (n,)
    latest : int64 array, shape (n,), microseconds since the epoch, UTC
        The last moment that is on time: prediction and horizon.
    """
    newest = rows["outcome_at"] <= latest
    fallback = ~newest & (rows[_HAS_FALLBACK] == 1) & (rows[_FALLBACK_AT] <= latest)
    values = np.where(fallback, rows[_FALLBACK_VALUE], rows["outcome"])
    times = np.where(fallback, rows[_FALLBACK_AT], rows["outcome_at"])
    graded = None
    if GRADED in (rows.dtype.names or ()):
        graded = rows[GRADED].copy()
        graded[fallback] = rows[_FALLBACK_GRADED][fallback]
    return Settled(values, times, newest | fallback, graded)
