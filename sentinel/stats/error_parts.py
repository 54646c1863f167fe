"""An exact split of the change of an error metric over bins of the prediction, with standard errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from sentinel.stats.arrays import Counts, Floats
from sentinel.stats.decomposition import shares_of
from sentinel.stats.regression import LEAST_SPREAD, N_FIRST
from sentinel.stats.tilts import N_DRAWS

ERROR_PARTS: Final = ("score_mix", "outcome", "label_selection")
"""Other predictions, other outcomes and errors at the same predictions, other coverage: in the order they arise."""
SEED: Final = 20_402_302
"""Of the draws, so that intervals too are a function of the sums alone."""
LEAST_SQUARES: Final = 1e-100
"""Squared mean squares below which errors have no shape worth drawing."""

_N, _Y, _Y2, _E, _E2, _ABS = range(N_FIRST)


@dataclass(frozen=True, slots=True)
class ErrorSide:
    """What was counted on one side.

    Attributes
    ----------
    cells : array, shape (n_bins, N_FIRST)
        Power sums of `sentinel.stats.regression` by bin of the prediction; at least one event.
    fourth : float, >= 0
        Sum of the errors' fourth powers over all bins.
    """

    cells: Floats
    fourth: float


@dataclass(frozen=True, slots=True)
class ErrorSplit:
    """Parts of a change and their standard errors, shape (3,) each; above 0 where the step makes the metric larger."""

    parts: Floats
    errors: Floats


def split_errors(offline: ErrorSide, online: ErrorSide, predictions: Counts) -> dict[str, ErrorSplit]:
    """Split the change of MAE, RMSE, R2 and explained variance over bins of the prediction.

    Parameters
    ----------
    offline, online : ErrorSide
    predictions : array, shape (n_bins,)
        All live predictions, those without an outcome included.

    Returns
    -------
    dict of ``mae``, ``rmse``, ``r2``, ``explained_variance`` to ErrorSplit
        The parts sum to live value less offline value, in the unit of the sums. The last two only where outcomes vary
        at every step.

    Notes
    -----
    With p the share of a bin and m its mean power (of the error, its square, its magnitude, the outcome, its square),
    the steps go through the means

        p0 m0, p1 m0, p1 m1, p1' m1

    where p1 is of all live predictions and p1' of those with an outcome; a bin in which one side has no event has the
    means of the other. Each metric is a function of these means, taken at each step, so the differences add up exactly:
    RMSE is the root of the mean square, R2 one less it over the outcome's variance. That variance changes too: by what
    other predictions bring of it with the first step, by what is left with the second.

    Errors come from draws: counts are Poisson; within a bin errors vary as they did, with one kurtosis for all bins,
    and the outcome against them, since it is prediction less error and a bin is narrow. Events count as independent.
    """
    started, known, every = _size(offline), _size(online), np.asarray(predictions, np.float64)
    exact = _steps(_means(offline.cells), _means(online.cells), started, every, known)
    rng = np.random.Generator(np.random.SFC64(SEED))
    n_before, n_after, waiting = (
        rng.poisson(counts, (N_DRAWS, len(counts))).astype(np.float64)
        for counts in (started, known, np.maximum(every - known, 0.0))
    )
    means = _draw(offline, rng), _draw(online, rng)
    drawn = _steps(*means, n_before, n_after + waiting, n_after)
    values, resampled = _values(exact), _values(drawn)
    return {
        name: ErrorSplit(np.diff(found), np.diff(resampled[name], axis=-1).std(axis=0, ddof=1))
        for name, found in values.items()
        if name in resampled
    }


def _size(side: ErrorSide) -> Floats:
    return side.cells[:, _N]


def _means(cells: Floats) -> Floats:
    """Mean powers of each bin, NaN-free: 0 where no event is."""
    return cells / np.maximum(cells[:, [_N]], 1.0)


def _draw(side: ErrorSide, rng: np.random.Generator) -> Floats:
    """Mean powers as other samples of the same size would show them, shape (N_DRAWS, n_bins, N_FIRST)."""
    means, n = _means(side.cells), np.maximum(_size(side), 1.0)
    spread_e = np.maximum(means[:, _E2] - means[:, _E] ** 2, 0.0)
    spread_y = np.maximum(means[:, _Y2] - means[:, _Y] ** 2, 0.0)
    squares = float(_size(side) @ means[:, _E2] ** 2)
    kurtosis = min(max(side.fourth / squares, 1.0), float(n.sum())) if squares > LEAST_SQUARES else 1.0
    moved, widened, larger = rng.standard_normal((3, N_DRAWS, len(n)))
    factor = np.maximum(1.0 + np.sqrt((kurtosis - 1.0) / n) * widened, 0.0)
    drawn = np.broadcast_to(means, (N_DRAWS, *means.shape)).copy()
    drawn[..., _E] += np.sqrt(spread_e / n) * moved
    drawn[..., _Y] -= np.sqrt(spread_y / n) * moved
    drawn[..., _E2] = spread_e * factor + drawn[..., _E] ** 2
    drawn[..., _Y2] = spread_y * factor + drawn[..., _Y] ** 2
    drawn[..., _ABS] += np.sqrt(np.maximum(means[:, _E2] - means[:, _ABS] ** 2, 0.0) / n) * larger
    return drawn


def _steps(before: Floats, after: Floats, n_before: Floats, every: Floats, n_after: Floats) -> Floats:
    """Mean powers over all bins at each step, shape (..., 4, N_FIRST); bins as the second axis from the end."""
    old = np.where((before[..., [_N]] > 0.0), before, after)
    new = np.where((after[..., [_N]] > 0.0), after, before)
    first, all_live, known = (shares_of(n) for n in (n_before, every, n_after))
    pairs = ((first, old), (all_live, old), (all_live, new), (known, new))
    return np.stack([np.einsum("...b,...bp->...p", shares, means) for shares, means in pairs], axis=-2)


def _values(means: Floats) -> Mapping[str, Floats]:
    """Each metric at each step, shape (..., 4)."""
    found = {"mae": means[..., _ABS], "rmse": np.sqrt(np.maximum(means[..., _E2], 0.0))}
    spread = np.maximum(means[..., _Y2] - means[..., _Y] ** 2, 0.0)
    if not (spread > LEAST_SPREAD * np.maximum(means[..., _Y2], 1e-300)).all():
        return found
    left = np.maximum(means[..., _E2] - means[..., _E] ** 2, 0.0)
    return found | {"r2": 1.0 - means[..., _E2] / spread, "explained_variance": 1.0 - left / spread}
