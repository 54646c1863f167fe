"""What is checked of a prediction's features when it is accepted, and then forgotten: their ages, their declared range.

The join has no use for any of it, so nothing of it waits in the store: a check row goes beside the prediction's row to
the panes, once. Rows without a finding need not be made.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sentinel.clock import MICROSECONDS_PER_SECOND
from sentinel.events.batch import I64, NO_TIME, Bool, FeatureTimes, Predictions
from sentinel.events.times import BAD_TIME
from sentinel.summaries.layout import FeatureBins, Layout, kept
from sentinel.summaries.rows import Rows

CLOCK_SKEW_US = 5 * MICROSECONDS_PER_SECOND
"""How far a feature's time may lie after the prediction: two machines' clocks, not the future."""
AGE_EDGES_SECONDS = (*(float(1 << k) for k in range(25)), 365.0 * 86_400.0)
"""Ages are counted in bins that double from a second to half a year, then to a year."""
AGE_BAD, AGE_AFTER, FIRST_AGE = range(3)
"""Bins of times that could not be read, times after the prediction, and the first of the ages: below one second."""
N_AGE_BINS = FIRST_AGE + len(AGE_EDGES_SECONDS) + 1

AGE_BITS, OUTSIDE, TOO_OLD = 0x3F, 0x40, 0x80
"""A fact's bits: 1 + the age's bin (0: no time given), outside its declared range, older than its ``max_age``."""

_EDGES_US: I64 = np.array([round(edge * MICROSECONDS_PER_SECOND) for edge in AGE_EDGES_SECONDS], np.int64)
_MOST_UNUSED = 0xFFFF


def check_dtype(layout: Layout) -> np.dtype[np.void]:
    """The check row of one layout: the prediction's time, its unused feature times, a fact byte for each feature."""
    return kept(layout, "_check_dtype", _make_check_dtype)


def _make_check_dtype(layout: Layout) -> np.dtype[np.void]:
    return np.dtype([("predicted_at", "<i8"), ("unused", "<u2"), ("facts", "u1", (len(layout.features),))])


def has_findings(checked: Rows) -> Bool:
    """Which check rows say anything at all, shape (n,)."""
    found: Bool = checked["facts"].any(axis=1) | (checked["unused"] > 0)
    return found


def check_predictions(layout: Layout, predictions: Predictions) -> Rows | None:
    """Check decoded predictions.

    Returns
    -------
    structured array, shape (n,), dtype :func:`check_dtype`, or None
        None where no event carries feature times and no feature has a declared range: then nothing can be found.
    """
    bounded = [j for j, f in enumerate(layout.features) if f.low is not None or f.high is not None]
    times = predictions.feature_times
    if times is None and not bounded:
        return None
    checked = np.zeros(len(predictions), check_dtype(layout))
    checked["predicted_at"] = predictions.predicted_at
    numeric = {column.name: j for j, column in enumerate(predictions.schema.numeric)}
    for j in bounded:
        outside = _outside(layout.features[j], predictions.numeric[numeric[layout.features[j].name]])
        checked["facts"][:, j] = np.where(outside, OUTSIDE, 0)
    if times is not None:
        _add_ages(checked, layout, predictions, times)
    return checked


def _outside(feature: FeatureBins, values: npt.NDArray[np.float64]) -> Bool:
    low = -np.inf if feature.low is None else feature.low
    high = np.inf if feature.high is None else feature.high
    outside: Bool = (values < low) | (values > high)  # a missing value is neither
    return outside


def _add_ages(checked: Rows, layout: Layout, predictions: Predictions, times: FeatureTimes) -> None:
    columns = {column.name: j for j, column in enumerate(predictions.schema.columns)}
    others = [j for name, j in columns.items() if name not in {feature.name for feature in layout.features}]
    n_unused = times.n_unused + (times.at_us[others] != NO_TIME).sum(axis=0)
    checked["unused"] = np.minimum(n_unused, _MOST_UNUSED)
    for j, feature in enumerate(layout.features):
        at = times.at_us[columns[feature.name]]
        given = at != NO_TIME
        if given.any():
            checked["facts"][:, j] |= np.where(given, _age_facts(feature, predictions.predicted_at, at, given), 0)


def _age_facts(feature: FeatureBins, predicted_at: I64, at: I64, given: Bool) -> npt.NDArray[np.uint8]:
    bad = at == BAD_TIME
    ages = np.where(given & ~bad, predicted_at - np.where(given & ~bad, at, 0), 0)
    facts = np.searchsorted(_EDGES_US, ages, side="right").astype(np.uint8) + np.uint8(FIRST_AGE + 1)
    facts[ages < -CLOCK_SKEW_US] = AGE_AFTER + 1
    if feature.max_age_us:
        facts[ages > feature.max_age_us] |= TOO_OLD
    facts[bad] = AGE_BAD + 1
    return facts
