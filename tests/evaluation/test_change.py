"""A change after launch is found, dated and told from a gap at launch; what cannot be judged stays at the prior."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel.config.alerts import Alerts
from sentinel.config.times import rfc3339
from sentinel.evaluation.change import judge_change, weigh_change
from sentinel.evaluation.findings import Change
from sentinel.stats.change import Prior
from sentinel.summaries.panes import PaneBook, PaneSeries, join_series
from sentinel.summaries.rows import Rows
from tests.evaluation.worlds import HOUR_US, START_US, count, draw, series, world_layout

LAYOUT = world_layout()
ALERTS = Alerts()
HOURS = 48


def stream(
    seed: int, before: float, after: float, *, onset: float = 0.5, n: int = 12_000, hours: int = HOURS
) -> tuple[PaneSeries, Rows]:
    """Live panes whose AUC moves at a share of the span; and offline rows of AUC .8."""
    rng = np.random.default_rng(seed)
    rows, late = (draw(LAYOUT, rng, n, auc=auc, hours=hours) for auc in (before, after))
    start = int(n * onset)
    rows[start:] = late[start:]
    return series(LAYOUT, rows), draw(LAYOUT, rng, 4_000, auc=0.8)


def weigh(live: PaneSeries, offline: Rows) -> Change:
    """The change against offline rows."""
    return weigh_change(live, count(LAYOUT, offline), ALERTS)


def numbers(value: Any) -> Iterator[float]:
    """Every float in nested builtins."""
    if isinstance(value, float):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from numbers(item)


@pytest.mark.parametrize("seed", range(3))
def test_a_later_gap_is_found_and_dated(seed: int) -> None:
    """AUC .80 to .70 after half of 12,000 outcomes: later, an alarm, the onset within its interval and two panes."""
    change = weigh(*stream(seed, 0.8, 0.7))
    true = START_US + HOURS // 2 * HOUR_US
    assert change.later > 0.95
    assert change.alarm
    assert change.onset_lower is not None
    assert change.onset is not None
    assert change.onset_upper is not None
    assert change.onset_lower <= rfc3339(true) <= change.onset_upper
    assert rfc3339(true - 2 * HOUR_US) <= change.onset <= rfc3339(true + 2 * HOUR_US)
    assert change.drop == pytest.approx(0.1, abs=0.04)


@pytest.mark.parametrize("seed", range(3))
def test_a_gap_from_launch_is_no_change(seed: int) -> None:
    """AUC .70 throughout against .80 offline: launch, and neither the splits nor the loss alarm."""
    change = weigh(*stream(seed, 0.7, 0.7))
    assert change.launch > 0.9
    assert not change.alarm
    assert not change.loss_alarm
    assert change.onset is None


@pytest.mark.parametrize("seed", range(5))
def test_a_steady_stream_is_none(seed: int) -> None:
    """Live as offline: none, above its prior of .9, no alarm, no onset."""
    change = weigh(*stream(seed, 0.8, 0.8))
    assert change.none > Prior().none
    assert not change.alarm
    assert not change.loss_alarm
    assert change.onset is None
    assert change.drop is None


def spells(seed: int, drop: float) -> tuple[PaneSeries, Rows]:
    """Six hours at AUC .84, six at .72, in random order for eight days; lower by ``drop`` in the second half."""
    rng = np.random.default_rng(seed)
    parts = []
    for at, auc in enumerate(rng.permutation([0.84, 0.72] * 8).tolist() + rng.permutation([0.84, 0.72] * 8).tolist()):
        part = draw(LAYOUT, rng, 600, auc=auc - drop * (at >= 16), hours=6)
        part["predicted_at"] += at * 6 * HOUR_US
        parts.append(part)
    return series(LAYOUT, np.concatenate(parts)), draw(LAYOUT, rng, 4_000, auc=0.78)


def test_spells_of_good_and_bad_hours_are_no_change() -> None:
    """AUC swings by .06 about .78 and does not change: no alarm in twelve streams, and later is not believed in two."""
    changes = [weigh(*spells(seed, 0.0)) for seed in range(12)]
    assert not any(change.alarm for change in changes)
    assert sum(change.later >= 0.5 for change in changes) <= 2


def test_a_change_stands_out_of_spells() -> None:
    """Lower by .15 in the second half: .06 / 4 is the error of sixteen spells, so seven errors of both halves."""
    assert all(weigh(*spells(seed, 0.15)).alarm for seed in range(3))


def test_an_improvement_is_no_alarm() -> None:
    """From .70 to .85 live gets better: no alarm of either kind."""
    change = weigh(*stream(1, 0.7, 0.85))
    assert not change.alarm
    assert not change.loss_alarm


def test_more_positives_raise_the_loss_alarm_but_no_gap() -> None:
    """From 10 to 30 % positives at equal AUC and scores that do not follow: the loss rises, ranking does not change."""
    rng = np.random.default_rng(3)
    rows, late = (draw(LAYOUT, rng, 12_000, base_rate=rate) for rate in (0.1, 0.3))
    log_odds = np.log(late["score"] / (1 - late["score"])) + math.log(0.1 / 0.9) - math.log(0.3 / 0.7)
    late["score"] = 1 / (1 + np.exp(-log_odds))
    late["score_bin"] = np.searchsorted(LAYOUT.edges_array, late["score"], side="right")
    rows[6_000:] = late[6_000:]
    change = weigh(series(LAYOUT, rows), draw(LAYOUT, rng, 4_000, base_rate=0.1))
    assert change.loss_alarm
    assert not change.alarm
    assert change.none > 0.9


def test_the_loss_is_not_judged_before_the_launch_window_is_complete() -> None:
    """With 600 outcomes of the 1,000 there is no statistic; with 3,000 there is."""
    assert weigh(*stream(1, 0.8, 0.8, n=600)).loss_log_evidence is None
    assert weigh(*stream(1, 0.8, 0.8, n=3_000)).loss_log_evidence is not None


def test_nothing_is_the_prior() -> None:
    """No panes say what was believed before, without evidence."""
    live = PaneSeries(LAYOUT, HOUR_US, ())
    change = judge_change(live, live, count(LAYOUT, draw(LAYOUT, np.random.default_rng(1), 500)), ALERTS)
    assert [change.none, change.launch, change.later] == pytest.approx(list(Prior()))
    assert change == Change(none=change.none, launch=change.launch, later=change.later)


def test_a_single_pane_knows_of_no_onset() -> None:
    """A gap in the only pane can be one from launch; later keeps its odds against none, and no split is judged."""
    change = weigh(*stream(1, 0.6, 0.6, hours=1))
    assert change.launch > 0.9
    assert change.later / change.none == pytest.approx(Prior().later / Prior().none)
    assert change.log_evidence is None
    assert change.loss_log_evidence is None


def test_early_outcomes_are_no_drift() -> None:
    """Where only the positive outcomes of the last 10 hours are known, the mature panes alone keep quiet."""
    rows = draw(LAYOUT, np.random.default_rng(4), 12_000)
    offline = count(LAYOUT, draw(LAYOUT, np.random.default_rng(5), 4_000))
    recent = rows["predicted_at"] >= START_US + 38 * HOUR_US
    live = series(LAYOUT, rows[~recent | (rows["outcome"] == 1)])
    mature = PaneSeries(LAYOUT, HOUR_US, live.panes[:38])
    assert judge_change(live, live, offline, ALERTS).loss_alarm
    assert not judge_change(live, mature, offline, ALERTS).loss_alarm


def test_the_panes_alone_decide() -> None:
    """Split over partitions, evaluated before or not, with the total at hand or not: the same, bit for bit."""
    rng = np.random.default_rng(9)
    rows = draw(LAYOUT, rng, 6_000, hours=96)
    offline = count(LAYOUT, draw(LAYOUT, rng, 2_000))
    whole = series(LAYOUT, rows)
    parts = join_series(LAYOUT, [series(LAYOUT, rows[i::4]) for i in range(4)])
    expected = judge_change(whole, whole, offline, ALERTS)
    assert judge_change(parts, parts, offline, ALERTS) == expected
    assert judge_change(whole, whole, offline, ALERTS, whole.total()) == expected


@given(
    st.sampled_from([0, 5, 60, 2_000]),
    st.sampled_from([0.5, 0.8, 0.9999999]),
    st.sampled_from([0.0, 0.001, 0.3, 1.0]),
    st.sampled_from([0, 40, 2_000]),
    st.booleans(),
    st.integers(0, 99),
)
@settings(max_examples=50, deadline=None)
def test_no_output_is_nan_or_infinite(
    size: int, auc: float, base_rate: float, offline_size: int, constant: bool, seed: int
) -> None:
    """One class, constant scores, perfect scores, rare positives, empty sides: finite, and a probability."""
    rng = np.random.default_rng(seed)
    rows = draw(LAYOUT, rng, size, auc=auc, base_rate=min(max(base_rate, 0.01), 0.99), hours=20)
    if base_rate in (0.0, 1.0):
        rows["outcome"] = base_rate
    if constant:
        rows["score"], rows["score_bin"] = 0.25, np.searchsorted(LAYOUT.edges_array, 0.25, side="right")
    change = weigh(series(LAYOUT, rows), draw(LAYOUT, rng, offline_size, auc=auc))
    assert all(math.isfinite(number) for number in numbers(msgspec.to_builtins(change)))
    assert change.none + change.launch + change.later == pytest.approx(1.0)


def test_constant_scores_do_not_believe_in_an_onset() -> None:
    """An AUC of one half without spread on both sides is no change: none keeps its prior or more."""
    rng = np.random.default_rng(2)
    rows = draw(LAYOUT, rng, 6_000)
    other = draw(LAYOUT, rng, 2_000)
    for side in (rows, other):
        side["score"], side["score_bin"] = 0.25, np.searchsorted(LAYOUT.edges_array, 0.25, side="right")
    change = weigh(series(LAYOUT, rows), other)
    assert change.none >= Prior().none
    assert not change.alarm


def test_panes_without_outcomes_do_not_count() -> None:
    """Hours without any outcome between two halves change nothing in what is believed."""
    rng = np.random.default_rng(3)
    rows, late = draw(LAYOUT, rng, 6_000, auc=0.8), draw(LAYOUT, rng, 6_000, auc=0.7)
    offline, silent = draw(LAYOUT, rng, 4_000), draw(LAYOUT, rng, 500, hours=5)
    late["predicted_at"] += HOURS * HOUR_US
    plain = weigh(series(LAYOUT, np.concatenate([rows, late])), offline)
    silent["predicted_at"] += HOURS * HOUR_US
    late["predicted_at"] += 5 * HOUR_US
    book = PaneBook(LAYOUT, HOUR_US, 512)
    book.observe_predictions(np.concatenate([rows, silent, late]))
    book.observe_outcomes(np.concatenate([rows, late]))
    gapped = weigh(PaneSeries(LAYOUT, HOUR_US, tuple(book)), offline)
    assert gapped.later == pytest.approx(plain.later, rel=1e-9)
    assert gapped.log_evidence == pytest.approx(plain.log_evidence, rel=1e-9)
