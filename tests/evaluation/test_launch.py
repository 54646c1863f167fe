"""The launch window grows until it can prove a gap that matters, and takes no drift for a gap from launch."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from sentinel.config.alerts import Alerts
from sentinel.evaluation.launch import PARTS_OF_STREAM, Launch, judge_launch
from sentinel.evaluation.maturity import find_ages
from sentinel.summaries.algebra import Summary
from sentinel.summaries.rows import Rows
from tests.evaluation.worlds import HOUR_US, count, draw, series, world_layout

LAYOUT = world_layout(n_features=0, n_values=1)
ALERTS = Alerts()
PER_HOUR = 100


def stream(*parts: tuple[int, float], seed: int = 1) -> Rows:
    """Live rows, a hundred an hour and half of them positive, each part with its own AUC."""
    rng, rows, start = np.random.default_rng(seed), [], 0
    for n, auc in parts:
        part = draw(LAYOUT, rng, n, auc=auc, base_rate=0.5, hours=n // PER_HOUR)
        part["predicted_at"] += start * HOUR_US
        start += n // PER_HOUR
        rows.append(part)
    return np.concatenate(rows)


def offline(auc: float = 0.85) -> Summary:
    """Twenty thousand rows: the standard error of the AUC is .003."""
    return count(LAYOUT, draw(LAYOUT, np.random.default_rng(9), 20_000, auc=auc, base_rate=0.5))


def judged(reference: Summary, rows: Rows) -> Launch:
    """The launch by the settled outcomes."""
    return judge_launch(find_ages(reference, series(LAYOUT, rows), None), ALERTS)


def test_it_grows_until_it_can_prove_a_gap() -> None:
    """A gap of .07 is 4 errors of .012 in a thousand outcomes, tolerance apart; in two thousand it is 6.

    To raise a gap of ``tau`` at all the standard error must be below (.05 - .02) / 2.9, a hundredth: with .003 offline
    that takes about 1,600 outcomes of the thousand's .0125.
    """
    found = judged(offline(), stream((16_000, 0.78)))
    assert 1_200 <= found.window.n_outcomes <= 2_400
    assert found.window.alarm
    assert found.confirmed
    assert found.window.gap == pytest.approx(0.07, abs=0.025)


def test_a_window_that_can_prove_a_gap_does_not_grow() -> None:
    """At AUC .95 a thousand outcomes have an error of .007: they raise a gap of ``tau``, and ten panes are enough."""
    assert judged(offline(0.95), stream((16_000, 0.92))).window.n_outcomes == 1_000


def test_it_never_shrinks_nor_takes_more_than_a_quarter() -> None:
    """Looked at every 1,000 outcomes of 16,000: as large as before or larger, a quarter at most once it has grown."""
    rows, reference = stream((16_000, 0.78)), offline()
    sizes = {n: judged(reference, rows[:n]).window.n_outcomes for n in range(1_000, 16_001, 1_000)}
    assert all(before <= after for before, after in pairwise(sizes.values()))
    assert all(size <= max(1_000, n // PARTS_OF_STREAM) for n, size in sizes.items())
    assert sizes[4_000] == 1_000
    assert sizes[6_000] > 1_000


@pytest.mark.parametrize("seed", range(3))
def test_a_drift_from_a_quarter_on_stays_outside(seed: int) -> None:
    """AUC .85 for the first quarter and .70 from then on: nothing stood at launch."""
    found = judged(offline(), stream((4_000, 0.85), (12_000, 0.70), seed=seed))
    assert not found.window.alarm
    assert found.later_gap is not None
    assert found.later_gap > 0.1


@pytest.mark.parametrize("seed", range(3))
def test_a_drift_after_the_first_window_is_not_taken_in(seed: int) -> None:
    """AUC .85 for 1,000 outcomes, then .70: the first thousand show less than .4 of what 2,000 would."""
    found = judged(offline(), stream((1_000, 0.85), (15_000, 0.70), seed=seed))
    assert found.window.n_outcomes == 1_000
    assert not found.window.alarm


def test_a_gap_that_goes_on_growing_leaves_the_first_window() -> None:
    """Gaps of .03 in the first quarter and .20 after it: six times as much is a drift's."""
    found = judged(offline(), stream((4_000, 0.82), (12_000, 0.65)))
    assert found.window.n_outcomes == 1_000
    assert not found.window.alarm


def test_a_gap_that_passes_is_not_confirmed() -> None:
    """A gap of .10 in the first 4,000 of 24,000 outcomes and none after it: four windows do not bear it out."""
    found = judged(offline(), stream((4_000, 0.75), (20_000, 0.86)))
    assert found.window.alarm
    assert not found.confirmed
