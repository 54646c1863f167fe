"""What a preprocessing was fitted to, told from its stored statistics: training rows, or those that judge it, too."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, Literal, Self

import numpy as np

from sentinel.audit.preprocessing.moments import Moments
from sentinel.audit.preprocessing.order_place import OrderPlace
from sentinel.events.batch import F64, I64, U64

Fitted = Literal["both", "validation", "train", "other", "unclear"]
"""The rows that a statistic is of. ``unclear``: of both and of the training rows alike, as far as its digits go."""

SAME_FIT: Final = 1e-6
"""Standard deviations within which two statistics are the same number: what survives being written to six digits
where the mean is of the size of the spread."""
SAME_VALUE: Final = 1e-7
"""Of its size, what a value may lose: half a unit in the last place of a number of 32 bits is 6e-8."""
_SHARED: Final = frozenset({"min", "max", "max_abs", "most_frequent"})
"""Statistics that other rows share easily, where they are whole numbers or categories: a cap, a default, a rare count.
Without a count of rows beside them, they are no proof."""
MOST_HELD: Final = 1 << 18
"""Rows of a column that are held for a range between quartiles, of which neither is stated: two megabytes."""
MOST_KINDS: Final = 1 << 16
"""Distinct values that are counted for the most frequent of them: one megabyte."""


@dataclass(slots=True)
class KindCounts:
    """How often each value of a column occurs; given up beyond ``MOST_KINDS`` distinct ones."""

    keys: U64 = field(default_factory=lambda: np.empty(0, np.uint64))
    counts: I64 = field(default_factory=lambda: np.empty(0, np.int64))
    is_full: bool = False

    def add(self, keys: U64) -> None:
        """Take in values, as hashes or as the bits of numbers."""
        distinct, counts = np.unique(keys, return_counts=True)
        self._take(distinct, counts.astype(np.int64))

    def merge(self, other: Self) -> None:
        """Take in the counts of another."""
        self.is_full |= other.is_full
        self._take(other.keys, other.counts)

    def _take(self, keys: U64, counts: I64) -> None:
        if self.is_full:
            return
        every, at = np.unique(np.concatenate([self.keys, keys]), return_inverse=True)
        self.keys = every
        self.counts = np.bincount(at, np.concatenate([self.counts, counts]), minlength=len(every)).astype(np.int64)
        if len(every) > MOST_KINDS:
            self.is_full, self.keys, self.counts = True, self.keys[:0], self.counts[:0]

    def is_most_frequent(self, key: np.uint64) -> bool | None:
        """Whether no other value is more frequent; None where that is not known."""
        if self.is_full or not len(self.keys):
            return None
        held = self.counts[self.keys == key]
        return bool(len(held) and held[0] == self.counts.max())


@dataclass(slots=True)
class ColumnFit:
    """All that one column of one file has to leave behind for the statistics stated of it to be compared.

    Parameters
    ----------
    stated : mapping
        As the manifest's ``fit_statistics`` has it for the column.
    kind_key : uint64 or None
        Of the stated ``most_frequent``, as the keys handed to `add` are made.
    """

    stated: Mapping[str, Any]
    kind_key: np.uint64 | None = None
    moments: Moments = field(default_factory=Moments)
    n_rows: int = 0
    least: float = math.inf
    greatest: float = -math.inf
    places: dict[float, OrderPlace] = field(default_factory=dict)
    kinds: KindCounts = field(default_factory=KindCounts)
    held: list[F64] | None = None

    def __post_init__(self) -> None:
        for share, value in quantiles_of(self.stated).items():
            spread = _value_tolerance(value)
            self.places[share] = OrderPlace(value - spread, value + spread)
        if self.stated.get("iqr") is not None:
            self.held = []

    def add(self, values: F64, kinds: U64 | None = None) -> None:
        """Take in rows: their numbers, NaN where missing, and what their most frequent value is told from."""
        finite = values[np.isfinite(values)]
        self.n_rows += len(values)
        with np.errstate(over="ignore", invalid="ignore"):  # of huge numbers nothing is told
            self.moments.add(finite)
        self.least = float(np.min(finite, initial=self.least))
        self.greatest = float(np.max(finite, initial=self.greatest))
        for place in self.places.values():
            place.add(finite)
        if self.kind_key is not None and kinds is not None:
            self.kinds.add(kinds)
        if self.held is not None:
            self.held = [*self.held, finite.copy()] if self.n_rows <= MOST_HELD else None

    def merge(self, other: Self) -> None:
        """Take in the rows of another of the same column."""
        self.n_rows += other.n_rows
        with np.errstate(over="ignore", invalid="ignore"):
            self.moments.merge(other.moments)
        self.least, self.greatest = min(self.least, other.least), max(self.greatest, other.greatest)
        for share, place in self.places.items():
            place.merge(other.places[share])
        self.kinds.merge(other.kinds)
        whole = self.held is not None and other.held is not None and self.n_rows <= MOST_HELD
        self.held = [*(self.held or ()), *(other.held or ())] if whole else None

    def imputed(self) -> Moments:
        """Mean and spread once missing values have been replaced, where the manifest says by what."""
        value = self.stated.get("imputed")
        if value is None:
            return self.moments
        result = self.moments.copy()
        result.merge(Moments(self.n_rows - self.moments.n, float(value), 0.0))
        return result

    def range_of_quartiles(self) -> float | None:
        """Upper less lower quartile; None where the values are not held."""
        values = np.concatenate(self.held) if self.held else np.empty(0)
        if not len(values):
            return None
        with np.errstate(over="ignore", invalid="ignore"):
            lower, upper = np.quantile(values, [0.25, 0.75])
            return float(upper - lower)


def added(train: ColumnFit, validation: ColumnFit) -> ColumnFit:
    """The same of the rows of both files."""
    both = deepcopy(train)
    both.merge(validation)
    return both


def quantiles_of(stated: Mapping[str, Any]) -> dict[float, float]:
    """Stated values by the share of rows below, the median included."""
    found = {float(share): float(value) for share, value in (stated.get("quantiles") or {}).items()}
    if stated.get("median") is not None:
        found[0.5] = float(stated["median"])
    return found


def half_unit(value: float) -> float:
    """Half a unit of the last digit that a number is stated with.

    Examples
    --------
    >>> half_unit(41.07), half_unit(41)
    (0.005, 0.5)
    """
    exponent = Decimal(repr(value if isinstance(value, int) else float(value))).as_tuple().exponent
    return 0.5 * 10.0 ** min(exponent, 0) if isinstance(exponent, int) else 0.0


def _value_tolerance(value: float) -> float:
    """Of a number that is a value of the column, or lies between two: a whole one is meant as it stands."""
    return max(0.0 if float(value).is_integer() else half_unit(float(value)), SAME_VALUE * abs(value))


def judged(train: ColumnFit, validation: ColumnFit) -> dict[str, Fitted]:
    """Say of each statistic which rows it is of; those that cannot be compared are left out.

    Parameters
    ----------
    train, validation : ColumnFit
        Of one column of both files, made from one statement.
    """
    both = added(train, validation)
    result: dict[str, Fitted] = {}
    for name, compare in _COMPARED.items():
        if train.stated.get(name) is None:
            continue
        answers = [compare(side, both) for side in (train, both, validation)]
        if None not in answers:
            result[name] = _told(*(bool(answer) for answer in answers))
    if train.stated.get("n") is None:
        for name in result.keys() & _SHARED:
            if _is_whole(train.stated[name]) and result[name] in ("both", "validation"):
                result[name] = "unclear"
    return result


def _is_whole(value: Any) -> bool:
    return isinstance(value, str) or float(value).is_integer()


def _told(is_train: bool, is_both: bool, is_validation: bool) -> Fitted:
    if is_train:
        return "unclear" if is_both else "train"
    if is_both:
        return "both"
    return "validation" if is_validation else "other"


def of_column(verdicts: Mapping[str, Fitted]) -> Fitted:
    """One verdict of all statistics of a column.

    All that can tell have to agree. Rows may be counted in more than one way, so a count that fits nothing is passed
    over where a statistic speaks that hardly two sets of rows share; where only extremes speak, it counts.
    """
    told = {name: verdict for name, verdict in verdicts.items() if verdict != "unclear"}
    if told.get("n") == "other" and told.keys() - _SHARED - {"n"}:
        del told["n"]
    said = set(told.values())
    if not said:
        return "unclear"
    return said.pop() if len(said) == 1 else "other"


_Compare = Callable[[ColumnFit, ColumnFit], bool | None]


def _mean(side: ColumnFit, both: ColumnFit) -> bool | None:
    found, unit, stated = side.imputed(), both.imputed().sd(), side.stated["mean"]
    return _near(found.mean, stated, unit) if found.n else False


def _sd(side: ColumnFit, both: ColumnFit) -> bool | None:
    found, unit, stated = side.imputed(), both.imputed().sd(), side.stated["sd"]
    answers = [_near(found.sd(lost=lost), stated, unit) for lost in (0, 1)]
    return None if None in answers else any(answers)


def _variance(side: ColumnFit, both: ColumnFit) -> bool | None:
    found, unit, stated = side.imputed(), both.imputed().sd(), side.stated["variance"]
    answers = [_near(sd * sd, stated, 2.0 * unit * unit) for sd in (found.sd(), found.sd(lost=1))]
    return None if None in answers else any(answers)


def _near(found: float, stated: float, unit: float) -> bool | None:
    """Whether they agree within the digits given; None of a column that does not vary, or overflows."""
    if not (0.0 < unit < math.inf and math.isfinite(found)):
        return None
    return abs(found - stated) <= max(half_unit(stated), SAME_FIT * unit)


def _n(side: ColumnFit, both: ColumnFit) -> bool | None:
    del both
    return side.stated["n"] in (side.moments.n, side.n_rows)


def _median(side: ColumnFit, both: ColumnFit) -> bool | None:
    del both
    return side.places[0.5].holds(0.5) if side.moments.n else None


def _quantiles(side: ColumnFit, both: ColumnFit) -> bool | None:
    del both
    shares = [float(share) for share in side.stated["quantiles"]]
    return all(side.places[share].holds(share) for share in shares) if shares and side.moments.n else None


def _extreme(name: str, of: Callable[[ColumnFit], float]) -> _Compare:
    def compare(side: ColumnFit, both: ColumnFit) -> bool | None:
        del both
        stated = float(side.stated[name])
        return abs(of(side) - stated) <= _value_tolerance(stated) if side.moments.n else None

    return compare


def _iqr(side: ColumnFit, both: ColumnFit) -> bool | None:
    found = side.range_of_quartiles()
    return None if found is None else _near(found, side.stated["iqr"], both.moments.sd())


def _most_frequent(side: ColumnFit, both: ColumnFit) -> bool | None:
    del both
    return None if side.kind_key is None else side.kinds.is_most_frequent(side.kind_key)


_COMPARED: Final[Mapping[str, _Compare]] = {
    "mean": _mean,
    "sd": _sd,
    "variance": _variance,
    "n": _n,
    "median": _median,
    "quantiles": _quantiles,
    "iqr": _iqr,
    "min": _extreme("min", lambda side: side.least),
    "max": _extreme("max", lambda side: side.greatest),
    "max_abs": _extreme("max_abs", lambda side: max(abs(side.least), abs(side.greatest))),
    "most_frequent": _most_frequent,
}
