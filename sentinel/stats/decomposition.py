"""An exact split of a change between two histograms: other slices, other scores, other outcomes, other coverage."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from sentinel.stats.arrays import Counts, Floats
from sentinel.stats.histograms import Defined
from sentinel.stats.pooling import pool_sides
from sentinel.stats.tilts import N_DRAWS, Slicing, Tilts, draw_tilts, neutral_tilts, tilt_rates, tilts_of

PARTS: Final = ("slice_mix", "score_mix", "outcome", "label_selection")
"""In the order in which they arise."""
LEAST_OVERLAP: Final = 0.5
"""Shared mass of the two score laws below which no change is attributed: outcomes would be extrapolated."""

SEED: Final = 20_402_301
"""Of the bootstrap, so that intervals too are a function of the counts alone."""

Metrics = Callable[[Floats], Mapping[str, Defined]]
"""From histograms of shape (..., n_bins, 2) to values of shape (...), by name."""


@dataclass(frozen=True, slots=True)
class Sides:
    """What was counted on both sides, by score bin.

    Attributes
    ----------
    offline : array, shape (n_bins, 2)
        Offline events by score bin and outcome.
    online : array, shape (n_bins, 2)
        Live predictions whose outcome is known.
    predictions : array, shape (n_bins,)
        All live predictions.
    """

    offline: Counts
    online: Counts
    predictions: Counts


@dataclass(frozen=True, slots=True)
class Split:
    """How much of (offline value - live value) each step accounts for.

    Attributes
    ----------
    parts : mapping of part name to float
        Each of ``PARTS``; they sum to ``difference``.
    errors : mapping of part name to float, >= 0
        Standard error of each part, from the bootstrap of both sides.
    difference : float
        Offline less live, of the histograms.
    """

    parts: Mapping[str, float]
    errors: Mapping[str, float]
    difference: float


def overlap_mass(offline: Counts, online: Counts) -> float:
    """Mass that two laws share: the sum of the smaller of both shares, sparse neighbours pooled.

    Parameters
    ----------
    offline, online : array, shape (n_bins,)

    Returns
    -------
    float, 0..1; 0 where a side is empty. Few events cannot show laws apart, and leave it near 1.

    Examples
    --------
    >>> overlap_mass(np.array([50, 50, 0]), np.array([0, 50, 50]))
    0.5
    """
    if np.sum(offline) <= 0 or np.sum(online) <= 0:
        return 0.0
    first, second = pool_sides(np.asarray(offline, np.float64), np.asarray(online, np.float64))
    return float(np.minimum(first / first.sum(), second / second.sum()).sum())


def shares_of(cells: Floats) -> Floats:
    """Cells over their total; uniform where that is 0, as in a draw that came out empty.

    Parameters
    ----------
    cells : float64 array, shape (..., n), >= 0

    Returns
    -------
    float64 array, shape (..., n), each row summing to one

    Examples
    --------
    >>> shares_of(np.array([[1.0, 3.0], [0.0, 0.0]])).tolist()
    [[0.25, 0.75], [0.5, 0.5]]
    """
    total = cells.sum(axis=-1, keepdims=True)
    return np.where(total > 0, cells / np.where(total > 0, total, 1.0), 1.0 / cells.shape[-1])


def split_change(
    sides: Sides, slicing: Slicing | None, before: Metrics, after: Metrics, *, shapley: bool = False
) -> dict[str, Split]:
    """Split the change of every metric along the order in which it arises: slices, scores, outcomes, coverage.

    Parameters
    ----------
    sides : Sides
        Each with at least one event with a known outcome.
    slicing : Slicing or None
        Without one all traffic is a single slice, and slice_mix is 0.
    before, after : callable
        The metrics of a histogram, read with what a bin was worth offline and with what it is worth live.
    shapley : bool
        Split between scores and outcomes by the mean over both orders instead of scores first.

    Returns
    -------
    dict of metric name to Split
        Only metrics that are defined for every step.

    Notes
    -----
    With W the slice, S the score bin and Y the outcome, the steps go through the histograms

        qA = p0(w, b, y), qB = p1(w) p0(b, y | w), qC = p1(w, b) p0(y | w, b), qD = p1(w, b) p1(y | w, b)

    and the live events with a known outcome, so that the differences of the metric add up exactly. p1(w, b) is that
    of all live predictions. Slices are counted by coarser bins than all traffic, so they act on the fine histogram as
    factors of their coarse bin: see `Tilts`. What a bin is worth changes together with the scores, with qC.
    Live bins without an outcome keep the offline rate, offline bins without an event the rate between their neighbours.

    References
    ----------
    .. [1] Feng et al. (2024), A hierarchical decomposition for explaining ML performance discrepancies,
       arXiv 2402.14254.
    .. [2] Cai, Namkoong & Yadlowsky (2023), Diagnosing model performance under distribution shift,
       arXiv 2303.02011.
    """
    exact = _steps(
        sides, neutral_tilts(sides.offline.shape[0]) if slicing is None else tilts_of(slicing), shapley=shapley
    )
    drawn = _steps(*_resampled(sides, slicing), shapley=shapley)
    values, resampled = _measure(exact, before, after), _measure(drawn, before, after)
    found: dict[str, Split] = {}
    for name, defined in values.items():
        if not defined.valid.all():
            continue
        draws = np.where(resampled[name].valid, resampled[name].values, defined.values)
        parts, errors = _parts(defined.values, shapley), _parts(draws, shapley).std(axis=0, ddof=1)
        found[name] = Split(
            parts=dict(zip(PARTS, parts.tolist(), strict=True)),
            errors=dict(zip(PARTS, errors.tolist(), strict=True)),
            difference=float(defined.values[_OFFLINE] - defined.values[_LIVE]),
        )
    return found


def expected_metrics(
    offline: Counts, predictions: Counts, slicing: Slicing | None, metrics: Metrics
) -> dict[str, tuple[float, float]]:
    """Each metric that live scores promise, if outcomes at equal scores (and slice) are what they were offline.

    Parameters
    ----------
    offline : array, shape (n_bins, 2), with at least one event
    predictions : array, shape (n_bins,), with at least one event
    slicing : Slicing or None
    metrics : callable
        Read with what a bin was worth offline.

    Returns
    -------
    dict of metric name to (value, standard error)
        The error counts both the offline outcome rates and the live scores. Only metrics that are defined.

    Notes
    -----
    The metric of the histogram qC of `split_change`, but with bins worth what they were offline. Blind to any change of
    outcomes given the score, so to leakage.

    References
    ----------
    .. [1] Kivimaki et al. (2025), Confidence-based performance estimation, arXiv 2505.05295.
    """
    rng = _generator()
    tilts = neutral_tilts(offline.shape[0]) if slicing is None else tilts_of(slicing)
    fallback = _fallback(offline)
    value = metrics(_promised(np.asarray(offline, np.float64), np.asarray(predictions, np.float64), fallback, tilts))
    events, scores = _poisson(rng, offline), _poisson(rng, predictions)
    drawn_tilts = tilts if slicing is None else draw_tilts(slicing, rng)
    drawn = metrics(_promised(events, scores, fallback, drawn_tilts))
    return {
        name: (float(v.values), float(np.where(drawn[name].valid, drawn[name].values, v.values).std(ddof=1)))
        for name, v in value.items()
        if v.valid
    }


_OFFLINE, _SLICES, _SCORES, _OUTCOMES, _LIVE, _SWAPPED = range(6)
"""The steps: qA, qB, qC, qD, live, and where both orders are asked for the scores of qB with the outcomes of qD."""
_LEAST_NORMAL: Final = 25.0
"""Events from which a Poisson count is drawn as a normal one, which is five standard errors from 0."""


def _resampled(sides: Sides, slicing: Slicing | None) -> tuple[Sides, Tilts, Floats]:
    """Poisson draws of the counts, those of unjoined predictions apart, with the first axis over draws."""
    rng = _generator()
    known = np.asarray(sides.online).sum(axis=1)
    offline, online = _poisson(rng, sides.offline), _poisson(rng, sides.online)
    unknown = _poisson(rng, np.maximum(np.asarray(sides.predictions) - known, 0))
    tilts = neutral_tilts(sides.offline.shape[0]) if slicing is None else draw_tilts(slicing, rng)
    return Sides(offline, online, _events(online) + unknown), tilts, _fallback(sides.offline)


def _steps(sides: Sides, tilts: Tilts, fallback: Floats | None = None, *, shapley: bool) -> Floats:
    """Histograms of all steps, shape (..., n_steps, n_bins, 2)."""
    offline, online = np.asarray(sides.offline, np.float64), np.asarray(sides.online, np.float64)
    fallback = _fallback(offline) if fallback is None else fallback
    mixed = offline * tilts.mix
    shares = shares_of(np.asarray(sides.predictions, np.float64))
    rates = tilt_rates(_rates(offline, fallback), tilts.offline_odds)
    live = tilt_rates(_rates(online, rates), np.where(_events(online) > 0, tilts.online_odds, 0.0))
    steps = [_shares(offline), _shares(mixed), _joint(shares, rates), _joint(shares, live), _shares(online)]
    if shapley:
        steps.append(_joint(_events(steps[_SLICES]), live))
    return np.stack(steps, axis=-3)


def _promised(offline: Floats, predictions: Floats, fallback: Floats, tilts: Tilts) -> Floats:
    rates = tilt_rates(_rates(offline, fallback), tilts.offline_odds)
    return _joint(shares_of(predictions), rates)


def _measure(steps: Floats, before: Metrics, after: Metrics) -> dict[str, Defined]:
    """Values of all steps, shape (..., n_steps)."""
    first, later = before(steps[..., :_SCORES, :, :]), after(steps[..., _SCORES:, :, :])
    return {
        name: Defined(
            np.concatenate([first[name].values, later[name].values], axis=-1),
            np.concatenate([first[name].valid, later[name].valid], axis=-1),
        )
        for name in first
    }


def _parts(values: Floats, shapley: bool) -> Floats:
    """From the values of the steps, shape (..., n_steps), the parts, shape (..., 4)."""
    scores = values[..., _SLICES] - values[..., _SCORES]
    outcomes = values[..., _SCORES] - values[..., _OUTCOMES]
    if shapley:
        reverse = values[..., _SWAPPED] - values[..., _OUTCOMES]
        scores, outcomes = 0.5 * (scores + reverse), outcomes + 0.5 * (scores - reverse)
    slices = values[..., _OFFLINE] - values[..., _SLICES]
    return np.stack([slices, scores, outcomes, values[..., _OUTCOMES] - values[..., _LIVE]], axis=-1)


def _generator() -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(SEED))


def _poisson(rng: np.random.Generator, counts: Counts) -> Floats:
    """Draws of each cell, first axis over draws; large counts are normal."""
    mean = np.asarray(counts, np.float64)
    drawn = rng.standard_normal((N_DRAWS, *mean.shape))
    drawn *= np.sqrt(mean)
    drawn += mean
    few = mean < _LEAST_NORMAL
    drawn[:, few] = rng.poisson(mean[few], (N_DRAWS, int(few.sum())))
    return np.maximum(drawn, 0.0, out=drawn)


def _events(cells: Floats) -> Floats:
    """Events of each bin, whatever their outcome."""
    return np.asarray(cells[..., 0] + cells[..., 1])


def _shares(cells: Floats) -> Floats:
    """Cells of shape (..., n_bins, 2) over their total."""
    return shares_of(cells.reshape(*cells.shape[:-2], -1)).reshape(cells.shape)


def _joint(shares: Floats, rates: Floats) -> Floats:
    cells = np.empty((*shares.shape, 2))
    np.multiply(shares, rates, out=cells[..., 1])
    np.subtract(shares, cells[..., 1], out=cells[..., 0])
    return cells


def _rates(cells: Floats, fallback: Floats) -> Floats:
    """Outcome rate of each bin, and that of ``fallback`` where no event is."""
    n = _events(cells)
    return np.where(n > 0, cells[..., 1] / np.where(n > 0, n, 1.0), fallback)


def _fallback(counts: Counts) -> Floats:
    """Outcome rate of each bin; between neighbours where none was counted."""
    cells = np.asarray(counts, np.float64)
    n = cells.sum(axis=-1)
    filled = np.flatnonzero(n > 0)
    return np.asarray(np.interp(np.arange(len(n)), filled, cells[filled, 1] / n[filled]))
