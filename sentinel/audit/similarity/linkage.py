"""Whether two rows are about one entity, by features that an entity keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import stats

from sentinel.audit.check import Context
from sentinel.audit.files.rows import AuditRows
from sentinel.audit.findings import Interval
from sentinel.events.batch import F64, I64, U64
from sentinel.stats.estimate import NotEnough

STATIC: Final = 0.9
"""Share of pairs of rows of one entity that agree in a feature, from which it is one that entities keep."""
TELLING: Final = 0.8
"""Share of pairs of rows of two entities that agree in a feature, up to which it tells them apart."""
MOST_FEATURES: Final = 6
"""Features compared, the most telling: six of two values each part 64 kinds, six of ten a million."""
FEWEST_PAIRS: Final = 50
"""Pairs of rows of one entity from which the shares are known to .05 or so."""
_N_PAIRS: Final = 20_000
"""Pairs of rows drawn of either kind: shares are then known to .004."""


@dataclass(frozen=True, slots=True)
class Linkage:
    """Features that entities keep.

    Parameters
    ----------
    codes : uint64, shape (n_features, n_train + n_validation)
        Values, equal where they are equal.
    same, different : float64, shape (n_features,)
        Share of pairs of rows that agree, of one entity and of two.
    reach : (float, float)
        Mean weight of a pair of rows of one entity, and of two.
    """

    codes: U64
    same: F64
    different: F64
    reach: tuple[float, float]

    def weights(self, first: I64, second: I64) -> F64:
        """Log odds of agreement and disagreement for each pair of rows (Fellegi and Sunter).

        References
        ----------
        .. [1] Fellegi & Sunter (1969), A theory for record linkage, JASA 64:1183-1210. There m is our ``same``, u our
           ``different``.
        """
        agree = self.codes[:, first] == self.codes[:, second]
        return _weights(agree, self.same, self.different)

    def share_same(self, first: I64, second: I64) -> Interval | NotEnough:
        """Share of pairs that are of one entity, by their mean weight; the interval takes pairs for independent."""
        low, high = self.reach[1], self.reach[0]
        if len(first) < 2 or high - low <= 0.0:
            return NotEnough("too few pairs", len(first), 2)
        shares = (self.weights(first, second) - low) / (high - low)
        error = max(float(shares.std(ddof=1)), 1.0 / np.sqrt(len(shares))) / np.sqrt(len(shares))
        spread = float(stats.t.ppf(0.975, len(shares) - 1)) * float(error)
        value = float(shares.mean())
        return Interval(value=value, lower=value - spread, upper=value + spread)


def linkage(context: Context, train: AuditRows, generator: np.random.Generator) -> Linkage | NotEnough:
    """Learn from the samples which features rows of one entity share.

    Parameters
    ----------
    context : Context
    train : AuditRows
        The sample of the training rows.
    generator : Generator
        Draws pairs of rows.
    """
    codes = np.concatenate([_codes(train), _codes(context.validation)], axis=1)
    groups = np.concatenate([train.groups, context.validation.groups])
    order = np.argsort(groups, kind="stable")
    beside = np.flatnonzero((groups[order][1:] == groups[order][:-1]) & (groups[order][1:] != 0))
    if len(beside) < FEWEST_PAIRS or not len(codes):
        return NotEnough("too few entities have more than one row", len(beside), FEWEST_PAIRS)
    if len(beside) > _N_PAIRS:
        beside = np.sort(generator.choice(beside, _N_PAIRS, replace=False))
    one, other = generator.integers(0, len(groups), (2, _N_PAIRS))
    apart = (groups[one] != groups[other]) & (groups[one] != 0) & (groups[other] != 0)
    one, other = one[apart], other[apart]
    if len(one) < FEWEST_PAIRS:
        return NotEnough("too few rows name different entities", len(one), FEWEST_PAIRS)
    agree_same = codes[:, order[beside]] == codes[:, order[beside + 1]]
    agree_different = codes[:, one] == codes[:, other]
    same, different = _shares(agree_same), _shares(agree_different)
    kept = np.flatnonzero((same >= STATIC) & (different <= TELLING))
    kept = kept[np.argsort(different[kept], kind="stable")][:MOST_FEATURES]
    if not len(kept):
        return NotEnough("no feature is one that entities keep and that tells them apart", 0, 1)
    same, different = same[kept], different[kept]
    reach = (
        float(_weights(agree_same[kept], same, different).mean()),
        float(_weights(agree_different[kept], same, different).mean()),
    )
    return Linkage(codes[kept], same, different, reach)


def _weights(agree: npt.NDArray[np.bool_], same: F64, different: F64) -> F64:
    yes, no = np.log(same / different), np.log((1.0 - same) / (1.0 - different))
    weights: F64 = np.where(agree, yes[:, None], no[:, None]).sum(axis=0)
    return weights


def _shares(agree: npt.NDArray[np.bool_]) -> F64:
    """With half a pair added to either kind, so that no share is 0 or 1."""
    shares: F64 = (agree.sum(axis=1) + 0.5) / (agree.shape[1] + 1.0)
    return shares


def _codes(rows: AuditRows) -> U64:
    """Values as numbers that are equal where values are; what is missing agrees with what is missing."""
    numbers = np.where(np.isnan(rows.numeric), np.nan, rows.numeric + 0.0).view(np.uint64)
    return np.concatenate([numbers, rows.categories])
