"""An excess share and how grave it is."""

from __future__ import annotations

import numpy as np
import pytest

from sentinel.audit.estimates.excess import excess, grave, twin_variance, worst_of
from sentinel.audit.findings import Inflation, Interval, Severity
from sentinel.audit.similarity.cells import Cells


def test_an_excess_is_the_difference_with_the_errors_of_both_shares() -> None:
    """.2 of 400 against .1 with a variance of .0003: the error is sqrt(.2 * .8 / 400 + .0003)."""
    judged = excess(80, 400, 0.1, 0.0003)
    assert judged.value == pytest.approx(0.1)
    assert judged.error == pytest.approx(0.0007**0.5)
    assert judged.is_sure
    assert not excess(80, 400, 0.13, 0.0003).is_sure


def test_nothing_found_is_no_excess() -> None:
    """No rows, or none found, never are sure; nor is one row of a hundred."""
    assert not excess(0, 0, 0.0, 0.0).is_sure
    assert not excess(0, 100, 0.0, twin_variance(0, 100)).is_sure
    assert not excess(1, 100, 0.0, twin_variance(0, 100)).is_sure


def test_twins_vary_twice_as_much_as_single_rows() -> None:
    """Found in pairs, the share of rows with a twin has the variance 2 p (1 - p) / n, by simulation."""
    rng = np.random.default_rng(1)
    shares = []
    for _ in range(400):
        cells = np.bincount(rng.integers(0, 20_000, 1_000))
        shares.append(cells[cells > 1].sum() / 1_000)
    expected = twin_variance(float(np.mean(shares)) * 1_000, 1_000)
    assert float(np.var(shares)) == pytest.approx(expected, rel=0.25)


@pytest.mark.parametrize(
    ("value", "gain", "severity"),
    [
        (0.005, None, "warning"),
        (0.02, None, "critical"),
        (0.5, (0.001, -0.002, 0.004), "info"),
        (0.5, (0.01, -0.002, 0.022), "warning"),
        (0.002, (0.02, 0.01, 0.03), "critical"),
    ],
)
def test_what_rows_cost_decides_and_their_share_only_where_that_is_unknown(
    value: float, gain: tuple[float, float, float] | None, severity: Severity
) -> None:
    """Proven harm is critical, proven harmlessness information, and in between a warning."""
    inflation = None
    if gain is not None:
        bounds = Interval(value=gain[0], lower=gain[1], upper=gain[2])
        inflation = Inflation(metric="auc", stated=0.8, repaired=0.8, gain=bounds, n=100)
    assert grave(value, inflation) == severity


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_the_unit_of_the_outcome_does_not_decide(unit: float) -> None:
    """A root mean square that looks 10 % better than it is is grave in any unit, and one of .1 % in none."""
    for share, severity in ((0.1, "critical"), (0.001, "info")):
        gain = share * unit
        bounds = Interval(value=gain, lower=0.9 * gain, upper=1.1 * gain)
        inflation = Inflation(metric="rmse", stated=unit, repaired=unit + gain, gain=bounds, n=100)
        assert grave(0.02, inflation) == severity


def test_the_graver_of_two_severities() -> None:
    """In either order."""
    assert worst_of("info", "warning") == worst_of("warning", "info") == "warning"
    assert worst_of("critical", "info") == "critical"


def test_cells_count_rows_by_inputs_and_class_whatever_the_order() -> None:
    """Counts and first rows are those of a dictionary; merging leaves the other as it was."""
    rng = np.random.default_rng(2)
    prints, codes = rng.integers(0, 50, 500).astype(np.uint64), rng.integers(0, 3, 500)
    numbers = rng.permutation(500)
    one, two = Cells(500), Cells(500)
    one.add(prints[:200], codes[:200], numbers[:200])
    two.add(prints[200:], codes[200:], numbers[200:])
    before = two.counted()
    one.merge(two)
    assert all(np.array_equal(a, b) for a, b in zip(before, two.counted(), strict=True))
    expected: dict[tuple[int, int], list[int]] = {}
    for key, code, number in zip(prints, codes, numbers, strict=True):
        expected.setdefault((int(key), int(code)), []).append(int(number))
    got_prints, got_codes, n, first = one.counted()
    assert list(zip(got_prints.tolist(), got_codes.tolist(), strict=True)) == sorted(expected)
    for at, key in enumerate(sorted(expected)):
        cell = expected[key]
        assert n[at] == len(cell)
        assert first[at] == min(cell)


def test_sampled_cells_are_kept_whole() -> None:
    """Of a million rows to come a fifth of the inputs is kept, and of these every row."""
    prints = np.repeat(np.arange(10_000, dtype=np.uint64), 3)
    cells = Cells(1_000_000)
    cells.add(prints, np.zeros(30_000, np.int64), np.arange(30_000))
    _, _, n, _ = cells.counted()
    assert cells.ratio == 0.2
    assert len(n) == pytest.approx(2_000, abs=160)  # four standard deviations
    assert (n == 3).all()
