"""What another mix of slices does to a histogram of score bin by outcome, with its sampling error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from sentinel.stats.arrays import Counts, Floats

N_DRAWS: Final = 200
"""Bootstrap draws: a standard error from these is itself known to 5 %."""
KAPPA: Final = 3.0
"""Events of the pooled bin that each slice's cell is shrunk by: a cell without events says what the pool says."""

_LEAST_RATE: Final = 1e-9
_LEAST_SPREAD: Final = 1e-4
"""Of a rate times its complement, under which a change of log-odds is not told from noise."""


@dataclass(frozen=True, slots=True)
class Slicing:
    """Counts of one way to cut the traffic, every event in one slice, by coarse score bin.

    Attributes
    ----------
    offline, online : array, shape (n_slices, n_coarse_bins, 2)
        Events with a known outcome.
    predictions : array, shape (n_slices, n_coarse_bins)
        All live predictions.
    coarse_bin : int64 array, shape (n_bins,)
        Coarse bin of each fine one.
    """

    offline: Counts
    online: Counts
    predictions: Counts
    coarse_bin: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tilts:
    """Factors on the cells of the fine histogram, equal within a coarse bin; neutral if live has the same slices.

    Attributes
    ----------
    mix : float64 array, shape (..., n_bins, 2), >= 0
        p1(w) p0(b, y | w), summed over slices, over p0(b, y).
    offline_odds : float64 array, shape (..., n_bins), log-odds
        Of the offline outcome rate, for the live slices met at this score instead of the offline ones.
    online_odds : float64 array, shape (..., n_bins), log-odds
        Of the live outcome rate, for all live predictions at this score instead of those with a known outcome.
    """

    mix: Floats
    offline_odds: Floats
    online_odds: Floats


def neutral_tilts(n_bins: int) -> Tilts:
    """The tilts of a single slice."""
    return Tilts(np.ones((n_bins, 2)), np.zeros(n_bins), np.zeros(n_bins))


def tilts_of(slicing: Slicing) -> Tilts:
    """The tilts of a slicing.

    Parameters
    ----------
    slicing : Slicing

    Returns
    -------
    Tilts, arrays without a leading axis

    Notes
    -----
    Each is a ratio of two sums over slices that differ in the weights of the slices only, and both use the same
    shrunk cells: with equal weights it is exactly neutral.
    """
    mix = _mix(slicing, _sizes(slicing.offline), _sizes(slicing.predictions[..., None]))
    offline, online = _offline_odds(slicing), _online_odds(slicing)
    c = slicing.coarse_bin
    return Tilts(mix[c], offline.change[c], online.change[c])


def draw_tilts(slicing: Slicing, rng: np.random.Generator) -> Tilts:
    """Tilts as other samples of the same size would give them.

    Parameters
    ----------
    slicing : Slicing
    rng : numpy Generator

    Returns
    -------
    Tilts, arrays with ``N_DRAWS`` as first axis

    Notes
    -----
    Sizes of slices vary like Poisson counts. Which slices make up a cell is multinomial given its total, of which it is
    independent; its effect on the logarithm of a tilt is normal with the variance of the delta method, so that the
    cost grows with slices and with draws but not with their product. The same offline events move the mix and the
    odds, mostly alike: the odds take over the noise of the mix, and only what parts them is drawn apart.
    """
    before, after = _sizes(slicing.offline), _sizes(slicing.predictions[..., None])
    first, second = (_normal(rng, size) for size in (before, after))
    influence = _mix_influence(slicing, before, after)
    events = np.asarray(slicing.offline, np.float64)
    shared = rng.standard_normal((N_DRAWS, *events.shape[1:])) * np.sqrt((events * influence**2).sum(axis=0))
    offline, online = _offline_odds(slicing, influence * np.array([-1.0, 1.0])), _online_odds(slicing)
    apart = offline.spread * rng.standard_normal((N_DRAWS, events.shape[1]))
    unknown = online.spread * rng.standard_normal((N_DRAWS, events.shape[1]))
    c = slicing.coarse_bin
    return Tilts(
        (_mix(slicing, first, second) * np.exp(shared))[:, c],
        (offline.change + shared[..., 1] - shared[..., 0] + apart)[:, c],
        (online.change + unknown)[:, c],
    )


def tilt_rates(rates: Floats, log_odds: Floats) -> Floats:
    """Rates whose odds are multiplied; 0 and 1 stay.

    Examples
    --------
    >>> tilt_rates(np.array([0.0, 0.5, 1.0]), np.log(np.array([3.0, 3.0, 3.0])))
    array([0.  , 0.75, 1.  ])
    """
    factor = np.exp(log_odds)
    return np.asarray(rates * factor / (1.0 - rates + rates * factor))


@dataclass(frozen=True, slots=True)
class _Change:
    """A change of log-odds by coarse bin, with its standard error; both 0 where a side is empty."""

    change: Floats
    spread: Floats


def _sizes(cells: Counts) -> Floats:
    """Events of each slice."""
    return np.asarray(np.asarray(cells, np.float64).sum(axis=(1, 2)))


def _normal(rng: np.random.Generator, size: Floats) -> Floats:
    return np.maximum(size + np.sqrt(size) * rng.standard_normal((N_DRAWS, len(size))), 0.0)


def _mix(slicing: Slicing, before: Floats, after: Floats) -> Floats:
    """Factors of coarse cells, shape (..., n_coarse_bins, 2), for slice sizes of shape (..., n_slices)."""
    density, n = _density(slicing)
    shape = (*before.shape[:-1], *slicing.offline.shape[1:])
    both = np.stack([_weights(before, share) for share in (before, after)])
    old, new = np.einsum("s...w,wc->s...c", both, density + KAPPA / max(n, 1.0))
    return np.where(old > 0, new / np.where(old > 0, old, 1.0), 1.0).reshape(shape)


def _density(slicing: Slicing) -> tuple[Floats, float]:
    """p0(w | c, y) of each flat cell, 0 where the cell is empty, and the offline events."""
    cells = np.asarray(slicing.offline, np.float64).reshape(len(slicing.offline), -1)
    pooled = cells.sum(axis=0)
    return cells / np.where(pooled > 0, pooled, 1.0), float(pooled.sum())


def _weights(sizes: Floats, shares: Floats) -> Floats:
    """Share of each slice over its offline events, shrunk."""
    total = shares.sum(axis=-1, keepdims=True)
    return np.asarray(shares / np.where(total > 0, total, 1.0) / (sizes + KAPPA))


def _mix_influence(slicing: Slicing, before: Floats, after: Floats) -> Floats:
    """Change of the logarithm of `_mix` by one event more in a slice's cell, the cell's total held."""
    density, n = _density(slicing)
    pooled = np.asarray(slicing.offline, np.float64).sum(axis=0).reshape(-1)
    influence = np.zeros_like(density)
    for sign, share in ((1.0, after), (-1.0, before)):
        weights = _weights(before, share)
        reached = weights @ (density + KAPPA / max(n, 1.0))
        influence += sign * weights[:, None] / np.where(reached > 0, reached, 1.0)
    mean = (density * influence).sum(axis=0)
    return np.asarray((influence - mean) / np.maximum(pooled, 1.0)).reshape(slicing.offline.shape)


def _offline_odds(slicing: Slicing, shared: Floats | None = None) -> _Change:
    """Change of log-odds; its error is that of what ``shared`` does not hold of the influence of offline events."""
    offline = np.asarray(slicing.offline, np.float64)
    n, live = offline.sum(axis=2), np.asarray(slicing.predictions, np.float64)
    rates = _shrunk(offline)[0]
    old, new = _by_bin(n), _by_bin(live)
    slopes = [1.0 / np.maximum(mean * (1.0 - mean), _LEAST_SPREAD) for mean in _means(rates, old, new)]
    reach = (new * slopes[1] - old * slopes[0]) / (n + KAPPA)
    shift = (rates - (old * rates).sum(axis=0)) * slopes[0] / np.maximum(n.sum(axis=0), 1.0)
    influence = np.stack([-rates * reach - shift, (1.0 - rates) * reach - shift], axis=-1)
    noise = (offline * (influence - (0.0 if shared is None else shared)) ** 2).sum(axis=(0, 2))
    noise += slopes[1] ** 2 * _composition(new, rates) / np.maximum(live.sum(axis=0), 1.0)
    return _odds_change(rates, old, new, np.sqrt(noise))


def _online_odds(slicing: Slicing) -> _Change:
    """Known outcomes are part of the predictions: only those without one can make a difference."""
    online = np.asarray(slicing.online, np.float64)
    known = online.sum(axis=2)
    unknown = np.maximum(np.asarray(slicing.predictions, np.float64) - known, 0.0)
    rates, variances = _shrunk(online)
    old, other, new = _by_bin(known), _by_bin(unknown), _by_bin(known + unknown)
    outside = unknown.sum(axis=0) / np.maximum((known + unknown).sum(axis=0), 1.0)
    noise = ((new - old) ** 2 * variances).sum(axis=0)
    noise += outside**2 * _composition(old, rates) / np.maximum(known.sum(axis=0), 1.0)
    noise += outside**2 * _composition(other, rates) / np.maximum(unknown.sum(axis=0), 1.0)
    first = _means(rates, old, new)[0]
    return _odds_change(rates, old, new, np.sqrt(noise) / np.maximum(first * (1.0 - first), _LEAST_SPREAD))


def _shrunk(cells: Floats) -> tuple[Floats, Floats]:
    """Outcome rate of each slice and coarse bin, shrunk to that of the bin, and its variance."""
    n, pooled = cells.sum(axis=2), cells.sum(axis=0)
    total = pooled.sum(axis=1)
    bin_rates = pooled[:, 1] / np.where(total > 0, total, 1.0)
    rates = (cells[..., 1] + KAPPA * bin_rates) / (n + KAPPA)
    return rates, rates * (1.0 - rates) * n / (n + KAPPA) ** 2


def _by_bin(cells: Floats) -> Floats:
    """Share of each slice within a coarse bin; 0 where the bin is empty."""
    total = cells.sum(axis=0)
    return np.asarray(cells / np.where(total > 0, total, 1.0))


def _composition(shares: Floats, rates: Floats) -> Floats:
    """Variance of the rate of one event whose slice is drawn by ``shares``."""
    mean = (shares * rates).sum(axis=0)
    return np.asarray((shares * (rates - mean) ** 2).sum(axis=0))


def _means(rates: Floats, old: Floats, new: Floats) -> tuple[Floats, Floats]:
    """Outcome rate of each coarse bin under either shares of the slices."""
    first, second = ((shares * rates).sum(axis=0).clip(_LEAST_RATE, 1.0 - _LEAST_RATE) for shares in (old, new))
    return first, second


def _odds_change(rates: Floats, old: Floats, new: Floats, spread: Floats) -> _Change:
    """Log-odds of the rate under ``new`` shares less those under ``old`` ones."""
    both = (old.sum(axis=0) > 0) & (new.sum(axis=0) > 0)
    first, second = _means(rates, old, new)
    change = np.log(second) - np.log1p(-second) - np.log(first) + np.log1p(-first)
    return _Change(np.where(both, change, 0.0), np.where(both, spread, 0.0))
