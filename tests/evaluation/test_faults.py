"""Faults of served features: which, since when, how much, and none where nothing is wrong."""

from __future__ import annotations

import numpy as np
import pytest

from sentinel.config.times import rfc3339
from sentinel.diagnosis.evidence import find_suspects
from sentinel.evaluation import faults
from sentinel.evaluation.faults import find_faults
from sentinel.evaluation.findings import Fault, FeatureFinding, Value
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


def test_a_stray_block_of_another_value_hides_no_constant() -> None:
    """Twenty-four hours of one value and a single hour of another: 96 % of such hours agree."""
    rows = _live()
    rows["features"][_hours(rows) == 5, 1] = N_SPECIAL + 1
    rows["features"][_hours(rows) >= 24, 1] = N_SPECIAL + 4
    (fault,) = _faults(rows)["x1"]
    assert (fault.kind, fault.value, fault.since) == ("constant", "[0.4, 0.5)", rfc3339(START_US + 24 * HOUR_US))
    assert (fault.traffic_ratio, fault.steady, fault.until) == (0.5, True, None)


def test_of_many_stretches_the_first_the_last_and_the_longest_are_told() -> None:
    """Five stretches of 2, 1, 3, 2 and 1 hours: those from launch, of three hours, and the one that lasts."""
    rows = _live()
    rows["features"][np.isin(_hours(rows), [0, 1, 10, 20, 21, 22, 30, 31, 47]), 0] = BIN_MISSING
    told = _faults(rows)["x0"]
    assert [fault.since for fault in told] == [rfc3339(START_US + hour * HOUR_US) for hour in (0, 20, 47)]
    assert [fault.n for fault in told] == [200, 300, 100]


def _rain(rows: Rows, wet: np.ndarray) -> Rows:
    rows["features"][:, 1] = N_SPECIAL + wet
    return rows


RAINY = count(LAYOUT, _rain(draw(LAYOUT, np.random.default_rng(1), 4_000), np.arange(4_000) % 25 < 2))
"""A flag that is up in 8 % of rows."""


@pytest.mark.parametrize(
    ("since", "found"),
    [
        (0, True),  # sqrt(4800 x .08 / .92 / 4) = 10.2 standard deviations of a clustered count
        (24, True),  # sqrt(2400 x .08 / .92) = 14.4
        (43, False),  # a tenth of the traffic, 6.6
        (48, False),
    ],
)
def test_a_rare_flag_is_constant_once_it_has_surely_ceased(since: int, found: bool) -> None:
    """Nine in ten rows hold one value offline: only the length of a stretch without the other tells."""
    live = _live()
    wet = (np.arange(len(live)) % 25 < 2) & (_hours(live) < since)
    faults = find_faults(LAYOUT, RAINY, _series(LAYOUT, _rain(live, wet)))
    assert [fault.kind for fault in faults.get("x1", ())] == ["constant"] * found


def test_a_dry_spell_is_no_constant() -> None:
    """Rain falls in two hours of 25, in all rows or none: half of the time without it is weather."""
    live = _live()
    wet = np.isin(_hours(live), [3, 11, 17, 23])
    assert find_faults(LAYOUT, RAINY, _series(LAYOUT, _rain(live, wet))) == {}


@pytest.mark.parametrize(
    ("shares", "steady"),
    [
        ([0.0, 0.0, 0.0, 0.7, 0.7, 0.74, 0.72, 0.7], True),
        ([0.0, 0.04, 0.17, 0.33, 0.22, 0.29, 0.0, 0.76], False),  # came and went
        ([0.0, 0.1, 0.1, 0.0, 0.6, 0.7, 0.9, 1.0], False),  # announced itself
        ([0.83] * 8, True),
    ],
)
def test_a_season_beyond_the_offline_range_is_told_from_a_fault(shares: list[float], steady: bool) -> None:
    """A fault comes at once and stays; each share holds for six hours."""
    rows = _live()
    strange = np.arange(len(rows)) % 100 < 100 * np.array(shares)[_hours(rows) // 6]
    rows["features"][strange, 1] = BIN_ABOVE
    told = [fault for fault in _faults(rows)["x1"] if fault.kind == "out_of_range"]
    assert told
    assert {fault.steady for fault in told} == {steady}


def test_an_empty_stream_has_none() -> None:
    """No panes, or panes without predictions."""
    assert find_faults(LAYOUT, OFFLINE, PaneSeries(LAYOUT, HOUR_US, ())) == {}


@pytest.mark.parametrize(
    ("bound", "value", "kind", "share"),
    [
        ("RISE", 0.95, "missing", 0.9),
        ("CONSTANT", 1.01, "constant", 1.0),
    ],
)
def test_a_bound_is_the_same_for_a_fault_and_for_a_suspect(
    monkeypatch: pytest.MonkeyPatch, bound: str, value: float, kind: str, share: float
) -> None:
    """What is a fault here is a suspect of the diagnosis; put the bound out of reach, and it is neither."""
    rows = _live()
    broken = np.arange(len(rows)) % 10 < 10 * share
    rows["features"][broken, 1] = BIN_MISSING if kind == "missing" else N_SPECIAL + 4
    nothing = Value(value=None, lower=None, upper=None, n=0)
    finding = FeatureFinding(
        name="x1",
        kind="numeric",
        offline_auc=nothing,
        online_auc=nothing,
        collapse=None,
        offline_missing_ratio=0.02,
        online_missing_ratio=share if kind == "missing" else 0.02,
        offline_top_share=0.1,
        online_top_share=share if kind == "constant" else 0.1,
        online_top_bin="[0, 1)",
        online_unseen_ratio=0.0,
    )
    assert [fault.kind for fault in _faults(rows)["x1"]] == [kind]
    assert len(find_suspects((finding,))) == 1
    monkeypatch.setattr(faults, bound, value)
    assert _faults(rows) == {}
    assert find_suspects((finding,)) == ()
