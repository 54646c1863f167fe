"""Bloom filters: nothing that was added is forgotten, few strangers are claimed."""

from __future__ import annotations

import numpy as np
import pytest

from sentinel.errors import LayoutMismatchError
from sentinel.summaries.bloom import BloomFilter

N = 100_000


def _keys(seed: int, n: int = N) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    return np.random.default_rng(seed).integers(0, 2**64, n, dtype=np.uint64)


def test_what_was_added_is_found() -> None:
    """There are no false negatives, whatever the keys look like."""
    for keys in (_keys(0), np.arange(N, dtype=np.uint64), np.arange(N, dtype=np.uint64) << np.uint64(40)):
        bloom = BloomFilter.sized_for(N, salt=5)
        bloom.add(keys)
        assert bloom.contains(keys).all()


def test_strangers_are_claimed_as_rarely_as_theory_says() -> None:
    """(1 - e^(-7/10))^7 = .0082 of strangers are claimed, and the filter's own figure says so."""
    bloom = BloomFilter.sized_for(N, salt=7)
    bloom.add(np.arange(N, dtype=np.uint64))
    theory = (1 - np.exp(-0.7)) ** 7
    claimed = bloom.contains(_keys(1)).mean()
    assert claimed == pytest.approx(theory, abs=4 * np.sqrt(theory / N))
    assert bloom.false_positive_ratio() == pytest.approx(theory, rel=0.05)


def test_an_empty_filter_holds_nothing() -> None:
    """Nothing was added, nothing is found."""
    bloom = BloomFilter.sized_for(0, salt=1)
    assert not bloom.contains(_keys(2)).any()
    assert bloom.false_positive_ratio() == 0.0


def test_union_is_the_filter_of_both() -> None:
    """Merging gives bit for bit what adding everything to one filter gives."""
    both, left, right = (BloomFilter.sized_for(N, salt=3) for _ in range(3))
    left.add(_keys(4))
    right.add(_keys(5))
    both.add(np.concatenate([_keys(4), _keys(5)]))
    np.testing.assert_array_equal(left.merge(right).bits, both.bits)


@pytest.mark.parametrize("other", [BloomFilter.sized_for(N, salt=4), BloomFilter.sized_for(2 * N, salt=3)])
def test_filters_of_other_size_or_salt_do_not_merge(other: BloomFilter) -> None:
    """Their bits do not mean the same."""
    with pytest.raises(LayoutMismatchError, match="different size or salt"):
        BloomFilter.sized_for(N, salt=3).merge(other)


def test_salts_err_on_different_keys() -> None:
    """A stranger that one filter claims is no likelier to be claimed by another."""
    found = []
    for salt in (1, 2):
        bloom = BloomFilter.sized_for(N, salt=salt)
        bloom.add(_keys(0))
        found.append(bloom.contains(_keys(1)))
    both = (found[0] & found[1]).mean()
    assert both < 5e-4  # .0082^2 = .00007 when independent, .0082 when not
