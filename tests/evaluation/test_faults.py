"""Faults of served features: which, since when, how much, and none where nothing is wrong."""

from __future__ import annotations

import numpy as np
import pytest

from sentinel.evaluation.faults import find_faults
from sentinel.evaluation.findings import Fault
from sentinel.evaluation.times import rfc3339
from sentinel.summaries.layout import BIN_ABOVE, BIN_INVALID, BIN_MISSING, N_SPECIAL, Layout
from sentinel.summaries.panes import PaneBook, PaneSeries
from sentinel.summaries.rows import Rows
from tests.evaluation.worlds import HOUR_US, START_US, count, draw, world_layout

LAYOUT = world_layout()
OFFLINE = count(LAYOUT, draw(LAYOUT, np.random.default_rng(1), 4_000))


def _series(layout: Layout, rows: Rows) -> PaneSeries:
    book = PaneBook(layout, HOUR_US, 256)
    book.observe_predictions(rows)
    return PaneSeries(layout, book.width_us, tuple(book))


def _live(seed: int = 2) -> Rows:
    return draw(LAYOUT, np.random.default_rng(seed), 4_800)  # 100 an hour for 48 hours


def _hours(rows: Rows) -> np.ndarray:
    hours: np.ndarray = (rows["predicted_at"] - START_US) // HOUR_US
    return hours


def _faults(rows: Rows) -> dict[str, tuple[Fault, ...]]:
    return find_faults(LAYOUT, OFFLINE, _series(LAYOUT, rows))


def test_a_healthy_stream_has_none() -> None:
    """Twenty streams of one world."""
    for seed in range(2, 22):
        assert _faults(_live(seed)) == {}


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (BIN_MISSING, "missing"),
        (BIN_INVALID, "invalid"),
        (BIN_ABOVE, "out_of_range"),
        (N_SPECIAL + 4, "constant"),
    ],
)
def test_each_kind_is_named_with_its_start_and_share(code: int, kind: str) -> None:
    """From hour 30 to the end feature x1 is served as one thing."""
    rows = _live()
    rows["features"][_hours(rows) >= 30, 1] = code
    (fault,) = _faults(rows)["x1"]
    assert (fault.kind, fault.ratio, fault.until, fault.from_launch) == (kind, 1.0, None, False)
    assert fault.n == 1_800
    assert fault.since == rfc3339(START_US + 30 * HOUR_US)


def test_a_burst_that_is_over_has_an_end_and_is_not_diluted_by_the_rest() -> None:
    """Three hours of 48 without values are 6 % of all traffic, and all of their own."""
    rows = _live()
    struck = (_hours(rows) >= 10) & (_hours(rows) < 13)
    rows["features"][struck, 0] = BIN_MISSING
    (fault,) = _faults(rows)["x0"]
    assert fault.ratio == 1.0
    assert (fault.since, fault.until) == (rfc3339(START_US + 10 * HOUR_US), rfc3339(START_US + 13 * HOUR_US))


def test_a_feature_never_served_is_a_fault_from_launch() -> None:
    """One stretch over everything."""
    rows = _live()
    rows["features"][:, 2] = BIN_MISSING
    (fault,) = _faults(rows)["x2"]
    assert (fault.from_launch, fault.until, fault.n) == (True, None, 4_800)


def test_sparse_panes_are_taken_together() -> None:
    """Two predictions an hour: no single pane says anything, together they do."""
    rows = draw(LAYOUT, np.random.default_rng(3), 400, hours=200)
    rows["features"][200:, 1] = BIN_MISSING
    (fault,) = _faults(rows)["x1"]
    assert fault.ratio == 1.0
    assert fault.n == pytest.approx(200, abs=50)


def test_a_feature_that_was_always_missing_or_constant_is_no_fault() -> None:
    """What offline showed is not held against the stream."""
    rows = draw(LAYOUT, np.random.default_rng(4), 4_000)
    rows["features"][:, 0], rows["features"][:, 1] = BIN_MISSING, N_SPECIAL + 1
    live = _live()
    live["features"][:, 0], live["features"][:, 1] = BIN_MISSING, N_SPECIAL + 1
    assert find_faults(LAYOUT, count(LAYOUT, rows), _series(LAYOUT, live)) == {}


def test_a_value_that_holds_for_a_while_and_moves_on_is_a_slow_clock() -> None:
    """The number of the day is constant within every pane, and no fault."""
    rows = _live()
    rows["features"][:, 1] = N_SPECIAL + _hours(rows) // 24
    assert _faults(rows) == {}


def test_an_empty_stream_has_none() -> None:
    """No panes, or panes without predictions."""
    assert find_faults(LAYOUT, OFFLINE, PaneSeries(LAYOUT, HOUR_US, ())) == {}
