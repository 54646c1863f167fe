"""Stated statistics against those of the rows: exact from counts, within the digits given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sentinel.audit.preprocessing.fits import MOST_KINDS, ColumnFit, KindCounts, half_unit, judged, of_column
from sentinel.audit.preprocessing.order_place import OrderPlace
from sentinel.events.batch import F64


def _fit(stated: dict[str, Any], values: F64) -> ColumnFit:
    fit = ColumnFit(stated)
    fit.add(values)
    return fit


@pytest.mark.parametrize("seed", range(40))
def test_a_quantile_is_told_exactly_from_its_neighbours(seed: int) -> None:
    """In parts of any size, the place agrees with numpy's quantile of all values, ties and single values included."""
    rng = np.random.default_rng(seed)
    for _ in range(25):
        values = np.round(rng.normal(size=int(rng.integers(1, 30))), int(rng.integers(0, 3)))
        share = float(rng.choice([0.0, 0.1, 0.25, 0.5, 0.75, 1.0]))
        true = [float(np.quantile(values, share, method=m)) for m in ("linear", "averaged_inverted_cdf")]
        for stated in (*true, float(rng.normal()), true[0] + 0.0173):
            whole = OrderPlace(stated - 1e-9, stated + 1e-9)
            for part in np.array_split(rng.permutation(values), 3):
                piece = OrderPlace(stated - 1e-9, stated + 1e-9)
                piece.add(part)
                whole.merge(piece)
            assert whole.holds(share) == any(abs(stated - one) <= 1e-9 for one in true)


def test_no_values_have_no_quantile() -> None:
    """Of an empty column nothing is the median."""
    assert not OrderPlace(-1.0, 1.0).holds(0.5)


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("mean", np.mean),
        ("sd", np.std),
        ("sd", lambda x: np.std(x, ddof=1)),
        ("variance", np.var),
        ("median", np.median),
        ("min", np.min),
        ("max", np.max),
        ("max_abs", lambda x: np.abs(x).max()),
        ("iqr", lambda x: np.subtract(*np.quantile(x, [0.75, 0.25]))),
        ("n", len),
    ],
)
def test_each_statistic_says_which_rows_it_is_of(name: str, of: Any) -> None:
    """Numpy's statistic of the training rows, of both files, of the validation rows and of other rows is told apart."""
    rng = np.random.default_rng(5)
    # The extremes of both files are those of validation rows alone, so that they, too, differ from the training rows'.
    train, validation, other = rng.normal(size=501), 1.7 * rng.normal(size=300) + 0.4, rng.normal(size=700)
    validation[:2] = -9.25, 9.75
    for rows, expected in (
        (train, "train"),
        (np.concatenate([train, validation]), "both"),
        (other, "other"),
    ):
        stated = {name: of(rows) if name == "n" else float(of(rows))}
        assert of_column(judged(_fit(stated, train), _fit(stated, validation))) == expected


def test_too_few_digits_cannot_tell() -> None:
    """A mean written to one digit is that of the training rows and of both alike."""
    rng = np.random.default_rng(1)
    train, validation = rng.normal(10.0, 1.0, 4_000), rng.normal(10.0, 1.0, 2_000)
    stated = {"mean": 10.0}
    assert judged(_fit(stated, train), _fit(stated, validation)) == {"mean": "unclear"}


def test_a_scaler_behind_an_imputer_is_compared_as_if_it_had_been_there() -> None:
    """Missing values count as what they were replaced by: the mean of [1, 3, 2, 2] is 2, its variance .5."""
    stated = {"mean": 2.0001, "variance": 0.5, "imputed": 2.0, "n": 4}
    fit = _fit(stated, np.array([1.0, np.nan, 3.0, np.nan]))
    assert (fit.imputed().mean, fit.imputed().squares / 4) == (2.0, 0.5)
    assert fit.moments.n == 2


def test_a_whole_extreme_that_other_rows_may_share_is_no_proof() -> None:
    """A maximum of 9 that validation rows happen to reach proves nothing without a count of rows; with one it does."""
    train, validation = np.array([1.0, 2.0, 8.0]), np.array([0.0, 9.0])
    assert of_column(judged(_fit({"max": 9}, train), _fit({"max": 9}, validation))) == "unclear"
    stated = {"max": 9, "n": 5}
    assert of_column(judged(_fit(stated, train), _fit(stated, validation))) == "both"
    stated = {"max": 9, "n": 700}
    assert of_column(judged(_fit(stated, train), _fit(stated, validation))) == "other"


def test_what_has_no_spread_or_overflows_says_nothing() -> None:
    """Constant, empty and huge columns give no verdict, and no warning."""
    for values in (np.full(9, 3.0), np.empty(0), np.full(9, np.nan), np.array([1e300, -1e300, np.inf])):
        stated = {"mean": 3.0, "sd": 0.0, "variance": 0.0, "iqr": 0.0, "median": 3.0}
        told = judged(_fit(stated, values), _fit(stated, values))
        assert of_column(told) in ("unclear", "other")
        assert "mean" not in told or not np.isfinite(values).any() or np.ptp(values[np.isfinite(values)]) > 0


def test_the_most_frequent_value_is_counted_up_to_a_bound() -> None:
    """Merged counts are those of all values; of too many distinct ones nothing is said."""
    left, right = KindCounts(), KindCounts()
    left.add(np.array([5, 5, 7], np.uint64))
    right.add(np.array([7, 7], np.uint64))
    assert left.is_most_frequent(np.uint64(5)) is True
    left.merge(right)
    assert (left.is_most_frequent(np.uint64(5)), left.is_most_frequent(np.uint64(7))) == (False, True)
    left.add(np.arange(MOST_KINDS + 10, dtype=np.uint64))
    assert left.is_most_frequent(np.uint64(7)) is None


def test_digits_that_are_given_set_the_tolerance() -> None:
    """Half a unit of the last digit, from 41 to 4.107e-5."""
    assert [half_unit(value) for value in (41, 41.07, 4.107e-5)] == pytest.approx([0.5, 0.005, 5e-9])
