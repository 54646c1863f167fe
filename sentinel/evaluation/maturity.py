"""Which predictions are old enough to be judged: whole panes, at the ages at which both sides can be held together.

Outcomes that come early are not like the rest: often they are the positive ones, and those of the highest scores. So a
pane counts at age h once its end plus h has passed, and then with every outcome that had come by that age, live as
offline. Nothing is held back on the way: an early positive sits in a pane that is not mature yet.

Where silence means a negative, a prediction becomes one when the join lets it go, at its horizon and a grace. Before
that the outcomes at a fixed age are the positives that had come by it, and all other predictions: they are derived from
the histogram of scores, so nothing waits for expiry and nothing counts twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from sentinel.clock import MICROSECONDS_PER_SECOND
from sentinel.evaluation.findings import Maturity
from sentinel.events.batch import I64
from sentinel.stats.auc import AucTable, auc_from_histogram, auc_many
from sentinel.stats.chisquare import ChiSquare, g_squared
from sentinel.stats.estimate import Estimate, Measured, NotEnough
from sentinel.summaries.algebra import Summary
from sentinel.summaries.kinds.delays import DELAY_EDGES_SECONDS
from sentinel.summaries.layout import Layout
from sentinel.summaries.metrics import auc_of_buckets, design_effect
from sentinel.summaries.panes import PaneSeries

Absence = Literal["missing", "negative"]

N_TENTHS: Final = 10
LEAST_PER_TENTH: Final = 100
"""Mature predictions in a tenth of the scores before its coverage is read: its standard error is then .05 or less."""
SHIFT_SURE: Final = 1e-3
"""Of outcomes that take as long as offline: below, delays have moved,"""
SHIFT_RATIO: Final = 1.5
"""if their median moved by this factor too: with many events any change is sure."""
LEAST_DELAYS: Final = 100
_UNKNOWN: Final = Maturity(
    seconds=None, coverage_ratio=None, lowest_coverage_ratio=None, delay_p_value=None, delay_ratio=None
)


@dataclass(frozen=True, slots=True)
class Cohorts:
    """The panes that are old enough for one age, and both sides' outcomes at that age.

    Attributes
    ----------
    age_us : int, microseconds
        0 where all that is known counts, whatever its age.
    live : PaneSeries
        The mature panes: a prefix of all, in order of prediction time.
    offline : Summary
        The baseline's counts, ``outcomes`` as they stood at that age.
    reference : Estimate or NotEnough
        Offline AUC at that age.
    twin : int or None
        Which of ``Layout.twin_horizons_us`` this is; None for settled outcomes.
    absence : {"missing", "negative"}
    design_effect : float, >= 1
        Variance by entity buckets over that of independent events, live: twins are not counted by bucket.
    """

    age_us: int
    live: PaneSeries
    offline: Summary
    reference: Measured
    twin: int | None = None
    absence: Absence = "missing"
    design_effect: float = 1.0

    def outcomes(self) -> I64:
        """Outcomes of each pane at this age, by class: shape (n_panes, 2)."""
        counts = [self._at_age(pane).sum(axis=0) for _, pane in self.live.panes]
        return np.array(counts, np.int64).reshape(-1, 2)

    def auc(self, start: int = 0, stop: int | None = None) -> Measured:
        """AUC of some of the panes, at this age."""
        panes = self.live.panes[start:stop]
        if self.twin is not None:
            total = sum(
                (self._at_age(pane) for _, pane in panes), np.zeros((self.live.layout.n_score_bins, 2), np.int64)
            )
            return _widened(auc_from_histogram(total[:, 1], total[:, 0]), self.design_effect)
        layout = self.live.layout
        buckets = np.zeros((layout.n_buckets, layout.n_score_bins, 2), np.int64)
        for _, pane in panes:
            buckets += pane["buckets"]
        return auc_of_buckets(buckets)

    def areas(self, first: int, last: int) -> AucTable:
        """AUC of the first panes at this age, at every number of them from one to another, events held independent.

        Returns
        -------
        AucTable, shape (last - first + 1,)
        """
        so_far = np.cumsum([self._at_age(pane) for _, pane in self.live.panes[:last]], axis=0)[first - 1 :]
        return auc_many(so_far[..., 1], so_far[..., 0])

    def total(self) -> Summary:
        """Counts of the mature panes, ``outcomes`` as they stood at this age."""
        total = self.live.total()
        return total if self.twin is None else _as_of(total, self.twin, self.absence)

    def _at_age(self, pane: Summary) -> I64:
        return pane["outcomes"] if self.twin is None else outcomes_at(pane, self.twin, self.absence)


def outcomes_at(summary: Summary, twin: int, absence: Absence) -> I64:
    """Outcomes by score bin as they stood at a fixed age of every prediction.

    Parameters
    ----------
    summary : Summary
        Of predictions that all have reached that age.
    twin : int
        Index into ``Layout.twin_horizons_us``.
    absence : {"missing", "negative"}
        "negative": who was not positive by then was a negative then.

    Returns
    -------
    int64 array, shape (n_score_bins, 2)
    """
    known: I64 = summary["twins"][twin]
    if absence == "missing":
        return known
    negatives = np.maximum(summary["scores"] - known[:, 1], 0)
    return np.stack([negatives, known[:, 1]], axis=1)


def find_ages(
    offline: Summary, live: PaneSeries, through_us: int | None, absence: Absence = "missing", settled_us: int = 0
) -> tuple[Cohorts, ...]:
    """Every age at which both sides can be compared, the longest last.

    Parameters
    ----------
    offline : Summary
        The baseline's counts.
    live : PaneSeries
        All panes of the model version.
    through_us : int or None, microseconds since the epoch, UTC
        Event time until which outcomes have been read. None: all of them have, and every pane is mature.
    absence : {"missing", "negative"}
    settled_us : int, microseconds
        Where silence means a negative: the age at which it has been counted as one. 0: the layout's maturity.

    Returns
    -------
    tuple of Cohorts
        One of all panes where delays are unknown, or shorter than a pane. Without the twins where mature outcomes take
        visibly longer, or less long, than offline: then what had come by a fixed age is not alike on both sides.
    """
    layout = offline.layout
    maturity_us = layout.maturity_us
    if through_us is None or maturity_us == 0 or max(maturity_us, settled_us) < live.width_us:
        return (Cohorts(0, live, offline, auc_of_buckets(offline["buckets"]), None, absence),)
    settled_at_us = maturity_us if absence == "missing" else max(maturity_us, settled_us)
    full = Cohorts(
        settled_at_us, mature_panes(live, settled_at_us, through_us), offline, auc_of_buckets(offline["buckets"])
    )
    if delays_moved(offline, live, through_us, absence):
        return (full,)
    before = design_effect(offline["buckets"])
    shape = (layout.n_buckets, layout.n_score_bins, 2)
    after = design_effect(_added((pane["buckets"] for _, pane in live.panes), shape))
    twins = [
        _twin(layout, k, offline, live, through_us, absence, before, after) for k in range(len(layout.twin_horizons_us))
    ]
    return (*twins, full)


def covered_seconds(ages: Sequence[Cohorts]) -> float:
    """Prediction time from the first to the last pane whose outcomes are compared at any of the ages.

    Returns
    -------
    float, seconds
        0 where no pane is old enough.
    """
    spans = [age.live.panes[-1][0] + age.live.width_us - age.live.panes[0][0] for age in ages if age.live.panes]
    return max(spans, default=0) / MICROSECONDS_PER_SECOND


def mature_panes(live: PaneSeries, age_us: int, through_us: int | None) -> PaneSeries:
    """Those panes all of whose predictions have reached an age."""
    if through_us is None:
        return live
    kept = tuple((start, pane) for start, pane in live.panes if start + live.width_us + age_us <= through_us)
    return live if len(kept) == len(live.panes) else PaneSeries(live.layout, live.width_us, kept)


def judge_maturity(
    offline: Summary, live: PaneSeries, through_us: int | None, absence: Absence = "missing", judged_us: int = 0
) -> Maturity:
    """How complete the outcomes of old predictions are, and whether they take as long as offline.

    Parameters
    ----------
    offline : Summary
        The baseline's counts.
    live : PaneSeries
    through_us : int or None, microseconds since the epoch, UTC
    absence : {"missing", "negative"}
        "negative": silence is an outcome, so coverage is whole.
    judged_us : int, microseconds
        The age whose estimates are shown; 0 where age plays no part.

    Returns
    -------
    Maturity
        Without coverage where delays are unknown: then no prediction is known to be old enough.

    Notes
    -----
    Delays are compared by G2 on panes old enough for the whole of the delay bin that holds the maturity, so that
    neither side is cut short. With a positive and a negative outcome alike, except that where silence means a negative
    only positives have a delay.
    """
    maturity_us = offline.layout.maturity_us
    if maturity_us == 0:
        return _UNKNOWN
    mature = mature_panes(live, maturity_us, through_us).panes
    shape = (offline.layout.n_score_bins,)
    scores = _added((pane["scores"] for _, pane in mature), shape)
    settled = (pane["outcomes"].sum(axis=1) for _, pane in mature)
    known = scores if absence == "negative" else _added(settled, shape)
    n = int(scores.sum())
    shift = _delay_shift(offline, live, through_us, absence)
    return Maturity(
        seconds=maturity_us / MICROSECONDS_PER_SECOND,
        judged_seconds=judged_us / MICROSECONDS_PER_SECOND if judged_us else None,
        n_mature=n,
        n_outcomes=int(known.sum()),
        coverage_ratio=min(int(known.sum()) / n, 1.0) if n else None,
        lowest_coverage_ratio=_lowest_coverage(scores, known),
        delay_p_value=None if shift is None else shift.p_value,
        delay_ratio=None if shift is None else shift.ratio,
    )


def coverage_of(maturity: Maturity | None, counts: Mapping[str, int]) -> float | None:
    """Share of the predictions old enough for an outcome that have one: what the report says, and the metric.

    Parameters
    ----------
    maturity : Maturity or None
        Its share of mature predictions, where delays are known.
    counts : mapping of str to int
        Else the share of those past the horizon and its grace: ``matured`` less ``unjoined``, of which those that are
        ``assumed_negative`` have an outcome all the same.

    Returns
    -------
    float in [0, 1] or None
        None while no prediction is that old.

    Examples
    --------
    >>> coverage_of(None, {"matured": 8, "unjoined": 2})
    0.75
    """
    if maturity is not None and maturity.seconds is not None:
        return maturity.coverage_ratio
    matured = counts.get("matured", 0)
    if not matured:
        return None
    return 1.0 - (counts.get("unjoined", 0) - counts.get("assumed_negative", 0)) / matured


def with_feature_outcomes(total: Summary, live: PaneSeries, through_us: int | None, absence: Absence) -> Summary:
    """All predictions as they were served, with the association of features and outcomes in mature panes alone.

    Parameters
    ----------
    total : Summary
        Of all panes; left as it is.
    live : PaneSeries
    through_us : int or None, microseconds since the epoch, UTC
    absence : {"missing", "negative"}
        "negative": whoever was not positive in a mature pane is a negative, in the first fold.
    """
    maturity_us = total.layout.maturity_us
    immediate = maturity_us == 0 or (absence == "missing" and maturity_us < live.width_us)
    if through_us is None or immediate:
        return total
    counts = np.zeros_like(total["feature_outcomes"])
    served = np.zeros_like(total["features"])
    for _, pane in mature_panes(live, maturity_us, through_us).panes:
        counts += pane["feature_outcomes"]
        served += pane["features"]
    if absence == "negative":
        counts[:, :, 0] = 0
        counts[0, :, 0] = np.maximum(served - counts[:, :, 1].sum(axis=0), 0)
    return Summary(total.layout, {**total.arrays, "feature_outcomes": counts})


def delays_moved(offline: Summary, live: PaneSeries, through_us: int | None, absence: Absence) -> bool:
    """Whether mature outcomes surely take another time than offline, at the maturity or by any twin's age."""
    ages = (*offline.layout.twin_horizons_us, None)
    shifts = (_delay_shift(offline, live, through_us, absence, age_us) for age_us in ages)
    return any(
        shift is not None and shift.p_value < SHIFT_SURE and max(shift.ratio, 1.0 / shift.ratio) > SHIFT_RATIO
        for shift in shifts
    )


@dataclass(frozen=True, slots=True)
class _Shift:
    p_value: float
    ratio: float


def _delay_shift(
    offline: Summary, live: PaneSeries, through_us: int | None, absence: Absence, age_us: int | None = None
) -> _Shift | None:
    """Delays up to an age, or to the end of the bin that holds the maturity; None where there are too few to tell."""
    edges = np.array(DELAY_EDGES_SECONDS) * MICROSECONDS_PER_SECOND
    if age_us is None:
        n_bins = int(np.searchsorted(edges, offline.layout.maturity_us, side="right")) + 1
        age_us = int(edges[min(n_bins, len(edges)) - 1])
    else:
        n_bins = int(np.searchsorted(edges, age_us, side="right"))
    before = _delays(offline, absence)[:n_bins]
    mature = mature_panes(live, age_us, through_us).panes
    after = _added((_delays(pane, absence)[:n_bins] for _, pane in mature), (n_bins,))
    if min(before.sum(), after.sum()) < LEAST_DELAYS:
        return None
    test = g_squared(before, after)
    if not isinstance(test, ChiSquare):
        return None
    return _Shift(test.p_value, _median_seconds(after) / _median_seconds(before))


def _delays(summary: Summary, absence: Absence) -> I64:
    """Delays by bin; of positives alone where silence means a negative, since no negative comes then."""
    delays: I64 = summary["delays"]
    return delays[:, 1] if absence == "negative" else delays.sum(axis=1)


def _median_seconds(counts: I64) -> float:
    """Median of binned delays, log-linear within its bin; the first bin counts as half a second to a second."""
    so_far = np.cumsum(counts)
    half = so_far[-1] / 2.0
    at = int(np.searchsorted(so_far, half))
    inside = (half - (so_far[at] - counts[at])) / counts[at]
    return float(2.0 ** (at - 1 + inside))


def _twin(
    layout: Layout,
    k: int,
    offline: Summary,
    live: PaneSeries,
    through_us: int,
    absence: Absence,
    before: float,
    after: float,
) -> Cohorts:
    age_us = layout.twin_horizons_us[k]
    side = _as_of(offline, k, absence)
    counts = side["outcomes"]
    reference = _widened(auc_from_histogram(counts[:, 1], counts[:, 0]), before)
    return Cohorts(age_us, mature_panes(live, age_us, through_us), side, reference, k, absence, after)


def _as_of(summary: Summary, twin: int, absence: Absence) -> Summary:
    return Summary(summary.layout, {**summary.arrays, "outcomes": outcomes_at(summary, twin, absence)})


def _widened(measured: Measured, factor: float) -> Measured:
    if isinstance(measured, NotEnough):
        return measured
    return Estimate(measured.value, measured.variance * factor, measured.n, measured.n_positive)


def _added(arrays: Iterable[I64], shape: tuple[int, ...]) -> I64:
    total = np.zeros(shape, np.int64)
    for array in arrays:
        total += array
    return total


def _lowest_coverage(scores: I64, known: I64) -> float | None:
    """Coverage of the tenth of mature predictions, by score, that has least of it."""
    n = int(scores.sum())
    if n < LEAST_PER_TENTH:
        return None
    middle = (np.cumsum(scores) - scores / 2.0) / n
    tenth = np.minimum((middle * N_TENTHS).astype(np.int64), N_TENTHS - 1)
    sizes = np.bincount(tenth, scores, N_TENTHS).astype(np.float64)
    found = np.bincount(tenth, known, N_TENTHS).astype(np.float64)
    enough = sizes >= LEAST_PER_TENTH
    return float(np.minimum(found[enough] / sizes[enough], 1.0).min()) if enough.any() else None
