"""Bounded samples: uniform, independent of the order of the rows, and bounded even for one constant id."""

from __future__ import annotations

import numpy as np
import pytest

from sentinel.baseline.sampling import BottomSample, RepeatedKeys, row_hashes

Keys = np.ndarray[tuple[int], np.dtype[np.uint64]]


def _sample(values: np.ndarray[tuple[int], np.dtype[np.float64]], step: int, size: int = 500) -> list[float]:
    sample = BottomSample(size)
    for start in range(0, len(values), step):
        part = values[start : start + step]
        sample.add(row_hashes([part]), {"x": part})
    taken: list[float] = sample.take()["x"].tolist()
    return taken


def test_the_sample_does_not_depend_on_order_or_batches() -> None:
    """Any order in batches of any size gives the same rows in the same order."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=20_000)
    expected = _sample(values, 20_000)
    assert len(expected) == 500
    for step in (7, 1_111):
        assert _sample(rng.permutation(values), step) == expected


def test_the_sample_is_uniform() -> None:
    """Its mean is that of the rows within four standard errors."""
    values = np.random.default_rng(1).normal(size=50_000)
    assert abs(np.mean(_sample(values, 5_000, size=5_000))) < 4 / np.sqrt(5_000)


def test_few_rows_are_all_there() -> None:
    """With no more rows than room the sample holds each of them; of none it is empty."""
    sample = BottomSample(10)
    sample.add(np.arange(10, dtype=np.uint64), {"x": np.arange(10.0)})
    assert sorted(sample.take()["x"].tolist()) == list(range(10))
    assert BottomSample(3).take() == {}


def _ratios(keys: Keys, contents: Keys) -> tuple[float, float]:
    counted = RepeatedKeys(1_000)
    for start in range(0, len(keys), 333):
        counted.add(keys[start : start + 333], contents[start : start + 333])
    return counted.ratios()


def test_repeats_are_told_from_contradictions() -> None:
    """Of 400 ids 100 come twice, 40 of these with other content: .25 and .1."""
    ids = np.arange(400, dtype=np.uint64)
    keys = np.concatenate([ids, ids[:100]])
    contents = np.concatenate([ids, ids[:60], ids[60:100] + np.uint64(1)])
    assert _ratios(keys, contents) == (0.25, 0.1)


def test_repeats_are_estimated_from_many_ids() -> None:
    """Of 50,000 ids a tenth come twice: the sample of 1,000 says so within four standard errors (.0095 each)."""
    ids = np.arange(50_000, dtype=np.uint64)
    repeated, different = _ratios(np.concatenate([ids, ids[:5_000]]), np.concatenate([ids, ids[:5_000]]))
    assert repeated == pytest.approx(0.1, abs=0.04)
    assert different == 0.0


def test_one_constant_id_stays_bounded() -> None:
    """A hundred thousand rows of one id are one id that repeats with other content."""
    keys = np.zeros(100_000, np.uint64)
    assert _ratios(keys, np.arange(100_000, dtype=np.uint64)) == (1.0, 1.0)
    assert RepeatedKeys(5).ratios() == (0.0, 0.0)
