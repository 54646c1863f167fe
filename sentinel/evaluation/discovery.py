"""Weak slices that nobody named: where the log loss has become worse than offline, and worse than elsewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from sentinel.baseline.gap_scale import scale_of
from sentinel.config.alerts import Alerts
from sentinel.evaluation.candidates import Losses, Place, candidates_of, losses_of, place_name
from sentinel.evaluation.findings import Finding, Value
from sentinel.evaluation.gap import BOUNDS_ALPHA
from sentinel.evaluation.slices import MINIMUM_SLICE_OUTCOMES
from sentinel.events.batch import I64
from sentinel.stats.arrays import Floats
from sentinel.stats.bayes import anytime_interval, log_bayes_factor, minimum_detectable_gap
from sentinel.stats.intervals import INTERVAL_REACH
from sentinel.stats.losses import mean_losses
from sentinel.stats.multiplicity import e_bh
from sentinel.summaries import fixed_point
from sentinel.summaries.algebra import Summary
from sentinel.summaries.kinds.losses import LOSSES
from sentinel.summaries.metrics import METRICS

METRIC: Final = "log_loss"
MOST_STATEMENTS: Final = 5
"""Weak slices told at once: more than a handful nobody reads."""


def discover(offline: Summary, online: Summary, alerts: Alerts) -> tuple[Finding, ...]:
    """Weak slices among all bins, runs of bins and cells of pairs.

    Parameters
    ----------
    offline, online : Summary
        Under one layout.
    alerts : Alerts
        ``slice_fdr`` is the largest share of false ones, ``tau`` and ``tolerance`` say which gaps matter.

    Returns
    -------
    tuple of Finding
        At most ``MOST_STATEMENTS``, about different values, the strongest first. All of the metric ``log_loss`` with
        ``discovered`` and ``alarm`` set; none where the task is not binary.

    Notes
    -----
    A candidate's evidence is the smaller of two log Bayes factors, both with the error of both sides: that its loss
    exceeds its own offline estimate by more than the tolerance, and that it does so by more than the loss of all other
    traffic. So a change that is the same everywhere is no weak slice. The smaller of two e-values is one for the
    hypothesis that either has nothing to show. Of places that overlap, the strongest stands for all; e-BH is then
    asked about these alone, against the number of all candidates, which keeps the promised share [1]_.

    References
    ----------
    .. [1] Wang & Ramdas (2022), False discovery rate control with e-values, JRSS B 84:822-852: any set whose k
       members each have an e-value of m / (k q) or more holds it, however it was chosen.
    """
    layout = offline.layout
    if "weak_losses" not in offline.arrays or not candidates_of(layout).places:
        return ()
    before, after = losses_of(offline), losses_of(online)
    judged = np.flatnonzero((before.n >= MINIMUM_SLICE_OUTCOMES) & (after.n >= MINIMUM_SLICE_OUTCOMES))
    if not len(judged):
        return ()
    before, after = _only(before, judged), _only(after, judged)
    evidence = _evidence(before, after, offline, online, alerts)
    places = [candidates_of(layout).places[at] for at in judged.tolist()]
    chosen = _different(places, evidence, math.log(len(places) / (alerts.slice_fdr * MOST_STATEMENTS)))
    standing = np.full(len(places), -np.inf)
    standing[chosen] = evidence[chosen]
    found = e_bh(standing, alerts.slice_fdr)
    return tuple(
        _finding(place_name(layout, places[at]), at, before, after, float(evidence[at]), alerts)
        for at in chosen
        if found[at]
    )


def _only(losses: Losses, chosen: I64) -> Losses:
    return Losses(losses.n[chosen], losses.totals[chosen], losses.squares[chosen], losses.design_effect)


def _evidence(before: Losses, after: Losses, offline: Summary, online: Summary, alerts: Alerts) -> Floats:
    mean, variance = _means(before)
    live_mean, live_variance = _means(after)
    tau, tolerance = scale_of(METRICS[METRIC], mean, alerts)
    own = log_bayes_factor(live_mean - mean, variance + live_variance, tau, tolerance)
    rest_mean, rest_variance = _means(_rest(before, offline))
    live_rest_mean, live_rest_variance = _means(_rest(after, online))
    excess = (live_mean - mean) - (live_rest_mean - rest_mean)
    spread = variance + live_variance + rest_variance + live_rest_variance
    return np.minimum(own, log_bayes_factor(excess, spread, tau, tolerance))


def _means(losses: Losses) -> tuple[Floats, Floats]:
    """Means and their variances, entities kept together."""
    means, variances = mean_losses(losses.n, losses.totals, losses.squares)
    return means, losses.design_effect * variances


def _rest(losses: Losses, summary: Summary) -> Losses:
    """All other events; a slice of all traffic has none, and no evidence against them."""
    total, squares = summary["losses"][0, :, LOSSES.index(METRIC)].sum(axis=0)
    return Losses(
        summary.n_outcomes - losses.n,
        fixed_point.decode(np.asarray(total)) - losses.totals,
        fixed_point.decode(np.asarray(squares), fixed_point.SQUARE_SCALE_BITS) - losses.squares,
        losses.design_effect,
    )


def _different(places: Sequence[Place], evidence: Floats, least: float) -> list[int]:
    """The strongest candidates of which none is about the values of another, strongest first."""
    chosen: list[int] = []
    for at in np.argsort(-evidence, kind="stable").tolist():
        if evidence[at] < least or len(chosen) == MOST_STATEMENTS:
            break
        if not any(places[at].overlaps(places[other]) for other in chosen):
            chosen.append(at)
    return chosen


def _finding(name: str, at: int, before: Losses, after: Losses, evidence: float, alerts: Alerts) -> Finding:
    sides = [(float(mean[at]), float(variance[at])) for mean, variance in (_means(before), _means(after))]
    (mean, variance), (live_mean, live_variance) = sides
    tau, tolerance = scale_of(METRICS[METRIC], mean, alerts)
    bounds = anytime_interval(live_mean - mean, variance + live_variance, tau, BOUNDS_ALPHA)
    offline, online = (
        Value(
            value=value,
            lower=max(value - INTERVAL_REACH * math.sqrt(error), 0.0),
            upper=value + INTERVAL_REACH * math.sqrt(error),
            n=int(losses.n[at]),
        )
        for (value, error), losses in zip(sides, (before, after), strict=True)
    )
    return Finding(
        metric=METRIC,
        slice=name,
        offline=offline,
        online=online,
        gap=live_mean - mean,
        lower=float(bounds.lower),
        upper=float(bounds.upper),
        log_evidence=evidence,
        minimum_detectable_gap=float(minimum_detectable_gap(variance, tau, alerts.alpha, tolerance)),
        alarm=True,
        discovered=True,
    )
