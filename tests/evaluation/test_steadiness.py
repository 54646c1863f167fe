"""What has come to stay: told from what comes and goes at each of its bounds, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from sentinel.evaluation.steadiness import CLUSTERED, clustering, has_stayed, is_stuck, pieces


@pytest.mark.parametrize(
    ("rise", "expected"),
    [
        ([0.0] * 10, False),
        ([0.0] * 3 + [0.3], True),  # it has just come
        ([0.3] * 9 + [0.0], True),  # nine in ten
        ([0.3] * 8 + [0.0] * 2, False),
        ([0.0, 0.1] + [0.3] * 3, True),  # the piece in which it began
        ([0.1, 0.1] + [0.3] * 8, False),  # it was announced
        ([0.05, 0.05] + [0.3] * 8, True),  # too little to be noticed
        ([0.1, 0.0] + [0.3] * 8, False),  # noticed once before, and not right before
    ],
)
def test_a_fault_comes_at_once_and_stays(rise: list[float], expected: bool) -> None:
    """A rise beyond .2 in nine of ten pieces since the first rise beyond .05."""
    shown = np.array(rise)
    assert has_stayed(shown > 0.2, shown) is expected


def test_pieces_have_equal_traffic() -> None:
    """Forty of eighty equal blocks; blocks whose middles fall into one share of the traffic are one piece."""
    assert pieces(np.full(80, 7)).tolist() == list(range(0, 80, 2))
    assert pieces(np.array([1, 1, 8])).tolist() == [0, 2]  # middles at .05, .15 and .6 of the traffic, thirds of it


@pytest.mark.parametrize(
    ("hits", "n", "expected"),
    [
        ([5] * 40, [50] * 40, 1.0),  # more even than chance is no less
        ([0, 2, 0, 2, 1], [2] * 5, 2.0),  # four times (1 - 2 x .5)^2 / (2 x .25), over four degrees of freedom
        ([0, 50] * 20, [50] * 40, 2_000 / 39),
        ([0, 2, 0, 2], [2] * 4, CLUSTERED),  # too few blocks
        ([0] * 9, [2] * 9, CLUSTERED),
        ([2] * 9, [2] * 9, CLUSTERED),
        ([], [], CLUSTERED),
    ],
)
def test_clusters_widen_the_binomial_law(hits: list[int], n: list[int], expected: float) -> None:
    """Pearson's statistic over its degrees of freedom, at least 1; what cannot tell says the usual factor."""
    assert clustering(np.array(hits, np.int64), np.array(n, np.int64)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("run", "n", "expected", "stuck"),
    [
        ((0, 5), [100] * 10, 0.17, True),  # 500 x .17 / .83 is 102
        ((0, 5), [100] * 10, 0.16, False),  # and 500 x .16 / .84 is 95: less than ten standard deviations
        ((5, 10), [100] * 10, 0.5, True),
        ((0, 4), [100] * 10, 0.9, False),  # four blocks
        ((0, 5), [10] * 5 + [90] * 5, 0.9, True),  # a tenth of all
        ((0, 5), [10] * 5 + [91] * 5, 0.9, False),
        ((0, 5), [100] * 10, 1.0, True),  # nothing but other values was ever seen
    ],
)
def test_other_values_have_ceased_to_come(run: tuple[int, int], n: list[int], expected: float, stuck: bool) -> None:
    """In five blocks, a tenth of all traffic, ten standard deviations of what was expected."""
    size = np.array(n, np.int64)
    assert is_stuck(run, [run], size // 2, size, expected) is stuck


@pytest.mark.parametrize(("other", "stuck"), [(166, True), (167, False)])
def test_a_stretch_is_three_times_as_long_as_any_other(other: int, stuck: bool) -> None:
    """Of 500 predictions, beside one of 166."""
    n = np.array([100] * 6 + [other] + [100] * 5, np.int64)
    assert is_stuck((0, 5), [(0, 5), (6, 7)], n // 2, n, 0.9) is stuck


def test_clusters_outside_the_stretch_ask_for_more() -> None:
    """Where other values come in clusters, 500 x .5 / .5 predictions are not surely too many without one."""
    n = np.full(10, 100)
    others = np.array([0] * 5 + [0, 100] * 2 + [50])  # outside: 2 x 50^2 / 25 a pair, over 4: 100 times as wide
    assert not is_stuck((0, 5), [(0, 5)], others, n, 0.5)
    assert is_stuck((0, 5), [(0, 5)], np.full(10, 50), n, 0.5)
