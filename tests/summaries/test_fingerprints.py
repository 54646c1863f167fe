"""Row fingerprints: equal inputs are equal, whatever engine or float width carried them."""

from __future__ import annotations

import numpy as np
import pytest

from sentinel.events.schema import Column, EventSchema
from sentinel.summaries.fingerprints import fingerprint_columns, mix

SCHEMA = EventSchema("m", "1", (Column("a", "numeric"), Column("b", "numeric"), Column("c", "categorical", ("x", "y"))))


def _prints(a: list[float], b: list[float], c: list[int]) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    return fingerprint_columns(SCHEMA, np.array([a, b]), np.array([c], np.int32))


@pytest.mark.parametrize(
    "same",
    [
        (0.1, float(np.float32(0.1))),
        (1234.5678, 1234.5681),  # six digits: 1234.57
        (0.0, -0.0),
        (1000.0, 999.9999999),
        (41.0, 41.0000001),
        (1e-20, 1.0000001e-20),
        (5e-324, 0.0),
        (999_999.7, 1_000_000.0),
        (-12.5, -12.5000001),
        (float("nan"), float("nan")),
    ],
)
def test_numbers_that_agree_to_six_digits_are_the_same(same: tuple[float, float]) -> None:
    """A row that went through float32, text or another engine is still that row, also beside fractions."""
    left, right = same
    assert len(set(_prints([left, right], [1, 1], [0, 0]).tolist())) == 1
    beside = _prints([left, 0.3], [1, 1], [0, 0])[0], _prints([right, 7.0], [1, 1], [0, 0])[0]
    assert beside[0] == beside[1]


@pytest.mark.parametrize(
    "different",
    [
        (1.0, 2.0),
        (1.5, -1.5),
        (1.0, 10.0),
        (0.1, 0.01),
        (np.nan, 0.0),
        (np.inf, -np.inf),
        (np.inf, np.nan),
        (1e-5, 1.0),
        (1e300, 1e301),
    ],
)
def test_different_numbers_differ(different: tuple[float, float]) -> None:
    """Size, sign, missing and infinite are told apart."""
    left, right = different
    assert len(set(_prints([left, right], [1, 1], [0, 0]).tolist())) == 2


@pytest.mark.parametrize("digits", ["1.0001", "1.23456", "1.5", "3.99999", "4.00001", "7.99999", "9.87654"])
def test_six_digits_count_at_every_size(digits: str) -> None:
    """From 1e-299 to 1e307 a third of the sixth digit changes nothing, and one of the sixth digit does."""
    numbers = [float(f"{digits}e{size}") for size in range(-299, 308)]
    unit = [float(f"1e{size - 5}") for size in range(-299, 308)]
    plain = [float(f"{digits:0<7}e{size}") for size in range(-299, 308)]
    same = [number + 0.3 * step for number, step in zip(numbers, unit, strict=True)]
    other = [number + step for number, step in zip(numbers, unit, strict=True)]
    ones, zeros = [1.0] * len(numbers), [0] * len(numbers)
    found = _prints(plain, ones, zeros)
    assert (_prints(same, ones, zeros) == found).all()
    assert (_prints(other, ones, zeros) != found).all()
    assert len(set(found.tolist())) == len(numbers)


def test_columns_do_not_stand_in_for_each_other() -> None:
    """(1, 2) is not (2, 1), and category 1 is not the number 1."""
    assert len(set(_prints([1, 2, 1, 1], [2, 1, 1, 1], [0, 0, 0, 1]).tolist())) == 4


def test_the_order_of_the_columns_does_not_matter() -> None:
    """The same columns in another order give the same fingerprint."""
    turned = EventSchema("m", "1", (Column("b", "numeric"), Column("a", "numeric"), SCHEMA.columns[2]))
    swapped = fingerprint_columns(turned, np.array([[2.0], [1.0]]), np.array([[0]], np.int32))
    assert swapped.tolist() == _prints([1], [2], [0]).tolist()


def test_many_rows_do_not_collide() -> None:
    """Of 200,000 different rows none share a fingerprint (chance of a collision: 1e-9)."""
    n = 200_000
    rng = np.random.default_rng(2)
    numbers = np.stack([np.arange(n, dtype=np.float64), rng.normal(size=n)])
    prints = fingerprint_columns(SCHEMA, numbers, np.zeros((1, n), np.int32))
    assert len(np.unique(prints)) == n


def test_mix_moves_half_of_the_bits() -> None:
    """Flipping any input bit flips 32 of 64 output bits on average, within five standard errors (.13 each)."""
    keys = np.random.default_rng(3).integers(0, 2**64, 1_000, dtype=np.uint64)
    for bit in range(64):
        flipped = np.bitwise_count(mix(keys) ^ mix(keys ^ np.uint64(1 << bit))).mean()
        assert abs(float(flipped) - 32) < 0.65
