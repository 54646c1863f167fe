"""An evaluation is finite, independent of sharding, calibrated at the null, and sees a stated gap."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from sentinel.config.alerts import Alerts
from sentinel.errors import LayoutMismatchError
from sentinel.evaluation.evaluate import evaluate
from sentinel.evaluation.findings import Evaluation
from sentinel.evaluation.gap import compare
from sentinel.evaluation.launch import judge_launch
from sentinel.evaluation.maturity import find_ages
from sentinel.summaries.algebra import Summary
from sentinel.summaries.layout import BIN_MISSING
from sentinel.summaries.panes import PaneSeries, join_series
from sentinel.summaries.rows import Rows
from tests.evaluation.worlds import HOUR_US, START_US, count, draw, offline, series, world_layout

LAYOUT = world_layout()
ALERTS = Alerts()


def numbers(value: Any) -> Iterator[float]:
    """Every float in nested builtins."""
    if isinstance(value, float):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from numbers(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from numbers(item)


def assert_finite(evaluation: Evaluation) -> None:
    """No NaN and no infinity anywhere in the evaluation."""
    assert all(math.isfinite(number) for number in numbers(msgspec.to_builtins(evaluation)))


def bad_days() -> st.SearchStrategy[tuple[int, float, float, int]]:
    """Size, AUC, base rate and seed of one side, extremes included."""
    return st.tuples(
        st.sampled_from([0, 1, 5, 40, 400]),
        st.sampled_from([0.5, 0.8, 0.9999999]),
        st.sampled_from([0.0, 0.001, 0.3, 1.0]),
        st.integers(0, 99),
    )


def rows_of(size: int, auc: float, base_rate: float, seed: int) -> Rows:
    """Rows of one side; outcomes of one class are forced, since no score tells one class from none."""
    rng = np.random.default_rng(seed)
    rows = draw(LAYOUT, rng, size, auc=auc, base_rate=min(max(base_rate, 0.01), 0.99))
    if base_rate in (0.0, 1.0):
        rows["outcome"] = base_rate
    return rows


@given(bad_days(), bad_days(), st.booleans(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_no_output_is_nan_or_infinite(
    before: tuple[int, float, float, int], after: tuple[int, float, float, int], constant: bool, absent: bool
) -> None:
    """Offline AUC 1, constant scores, one class, empty slices, rare positives, an absent feature: all finite."""
    live = rows_of(*after)
    if constant:
        live["score"], live["score_bin"] = 0.25, np.searchsorted(LAYOUT.edges_array, 0.25, side="right")
    if absent:
        live["features"][:, 0] = BIN_MISSING
    assert_finite(evaluate(offline(LAYOUT, rows_of(*before)), series(LAYOUT, live), ALERTS))


def test_before_the_first_event() -> None:
    """Without any pane there is no gap, no alarm, and a reason instead of a number."""
    rows = draw(LAYOUT, np.random.default_rng(1), 1_000)
    found = evaluate(offline(LAYOUT, rows), PaneSeries(LAYOUT, HOUR_US, ()), ALERTS)
    headline = found.headline("auc")
    assert headline is not None
    assert (headline.gap, headline.log_evidence, headline.alarm) == (None, None, False)
    assert headline.online.reason == "too few positive outcomes: 0 of the 10 it takes"
    assert (found.launch.n_outcomes, found.launch.through, found.launch.complete) == (0, None, False)
    assert_finite(found)


@pytest.mark.parametrize("n_shards", [1, 4, 16])
def test_sharding_changes_nothing(n_shards: int) -> None:
    """However rows are spread over partitions, and in whatever order these are added, the evaluation is equal."""
    rng = np.random.default_rng(2)
    rows, before = draw(LAYOUT, rng, 3_000, auc=0.7), offline(LAYOUT, draw(LAYOUT, rng, 2_000))
    shard = rng.integers(0, n_shards, len(rows))
    parts = [series(LAYOUT, rng.permutation(rows[shard == i])) for i in rng.permutation(n_shards)]
    assert evaluate(before, join_series(LAYOUT, parts), ALERTS) == evaluate(before, series(LAYOUT, rows), ALERTS)


def test_gap_is_the_difference_of_the_binned_areas() -> None:
    """The headline's gap is scikit-learn's AUC of the score bins, offline minus online; a loss has the sign turned."""
    rng = np.random.default_rng(3)
    before, after = draw(LAYOUT, rng, 2_000, auc=0.85), draw(LAYOUT, rng, 2_000, auc=0.75)
    found = evaluate(offline(LAYOUT, before), series(LAYOUT, after), ALERTS)
    areas = [roc_auc_score(rows["outcome"], rows["score_bin"]) for rows in (before, after)]
    auc, loss = found.headline("auc"), found.headline("log_loss")
    assert auc is not None
    assert loss is not None
    assert auc.gap == pytest.approx(areas[0] - areas[1], abs=1e-12)
    assert loss.gap is not None
    assert loss.gap > 0


def test_parts_add_up() -> None:
    """The parts of the AUC gap sum to it."""
    rng = np.random.default_rng(4)
    live = draw(LAYOUT, rng, 2_000, auc=0.7, base_rate=0.4)
    found = evaluate(offline(LAYOUT, draw(LAYOUT, rng, 2_000)), series(LAYOUT, live), ALERTS).headline("auc")
    assert found is not None
    assert found.gap is not None
    split = found.parts
    parts = (split.slice_mix, split.score_mix, split.outcome, split.label_selection)
    assert sum(part or 0.0 for part in parts) == pytest.approx(found.gap, abs=1e-12)


def test_gate_is_quiet_at_the_null() -> None:
    """Of 80 null streams looked at five times, the gate of both windows raises at most 1 % plus chance (4)."""
    raised = 0
    for seed in range(80):
        rng = np.random.default_rng(10_000 + seed)
        before, live = offline(SMALL, draw(SMALL, rng, 1_000)), draw(SMALL, rng, 2_000, hours=2)
        raised += any(gate(before, live[:n]) for n in range(400, 2_001, 400))
    assert raised <= 4  # P(Binomial(80, .01) > 4) = .0012


def test_gate_sees_a_leak() -> None:
    """A drop from .90 to .78 is raised on 1,500 outcomes in at least 36 of 40 streams."""
    raised = 0
    for seed in range(40):
        rng = np.random.default_rng(20_000 + seed)
        raised += gate(offline(SMALL, draw(SMALL, rng, 1_000, auc=0.90)), draw(SMALL, rng, 1_500, auc=0.78, hours=4))
    # Standard errors: .010 offline, .013 live. A gap of .12 less .02 is 6 of them, 4 are needed: power .98.
    assert raised >= 36


SMALL = world_layout(n_features=0, n_values=1)


def gate(before: Any, rows: Rows) -> bool:
    """Cumulative alarm and launch alarm, without the rest of an evaluation: hundreds are looked at."""
    ages = find_ages(before.summary, series(SMALL, rows), None)
    headline = compare("auc", ages[-1].reference, ages[-1].auc(), ALERTS)
    return headline.alarm and judge_launch(ages, ALERTS).window.alarm


def test_late_gap_is_not_a_launch_gap() -> None:
    """A drop in the second half alarms on everything since launch, not in the launch window."""
    rng = np.random.default_rng(5)
    before = offline(LAYOUT, draw(LAYOUT, rng, 4_000, auc=0.85))
    good, bad = draw(LAYOUT, rng, 3_000, auc=0.85), draw(LAYOUT, rng, 6_000, auc=0.65)
    bad["predicted_at"] += 48 * HOUR_US
    found = evaluate(before, series(LAYOUT, np.concatenate([good, bad])), ALERTS)
    headline = found.headline("auc")
    assert headline is not None
    assert headline.alarm
    assert found.launch.complete
    assert not found.launch.alarm
    assert found.later_gap is not None
    assert found.later_gap > 0.1


def test_launch_gap_that_passes_is_not_confirmed() -> None:
    """A gap in the first thousand outcomes that is gone at four thousand is not borne out."""
    rng = np.random.default_rng(6)
    before = offline(LAYOUT, draw(LAYOUT, rng, 4_000, auc=0.85))
    bad, good = draw(LAYOUT, rng, 1_000, auc=0.70), draw(LAYOUT, rng, 9_000, auc=0.85)
    good["predicted_at"] += 48 * HOUR_US
    found = evaluate(before, series(LAYOUT, np.concatenate([bad, good])), ALERTS)
    assert found.launch.alarm
    assert not found.confirmed


def test_launch_window_ends_with_its_pane() -> None:
    """The window takes whole panes until it has both 1,000 outcomes and 200 of each class."""
    rng = np.random.default_rng(7)
    rows = draw(LAYOUT, rng, 4_800, base_rate=0.5, hours=48)
    found = evaluate(offline(LAYOUT, rows), series(LAYOUT, rows), ALERTS)
    # A hundred rows an hour: ten panes hold 1,000 outcomes, with about 500 of each class.
    assert found.launch.n_outcomes == 1_000
    assert found.launch.through == "2026-11-26T22:00:00Z"
    assert START_US % HOUR_US == 0


def test_one_bad_slice_is_found() -> None:
    """Of four slices the one whose scores are noise alarms, and the other three do not."""
    rng = np.random.default_rng(8)
    rows = draw(LAYOUT, rng, 6_000)
    bad = rows["slices"][:, 0] == 2
    rows["outcome"][bad] = rng.permutation(rows["outcome"][bad])
    found = evaluate(offline(LAYOUT, draw(LAYOUT, rng, 6_000)), series(LAYOUT, rows), ALERTS)
    flagged = [f.slice for f in found.findings if f.metric == "auc" and f.alarm and f.slice != "all"]
    assert flagged == ["region=v2"]


def test_collapsed_feature_leads() -> None:
    """The feature that knew the outcome offline and is missing live is first, with its shares."""
    rng = np.random.default_rng(9)
    live = draw(LAYOUT, rng, 3_000)
    live["features"][:, 0] = BIN_MISSING
    before = offline(LAYOUT, draw(LAYOUT, rng, 3_000, first_feature=0.9))
    first, *rest = evaluate(before, series(LAYOUT, live), ALERTS).features
    assert first.name == "x0"
    assert first.collapse is not None
    assert first.collapse > 20
    assert first.online_auc.value == 0.5  # one bin: every pair is a tie
    assert (first.online_missing_ratio, first.online_top_share, first.online_top_bin) == (1.0, 1.0, "missing")
    assert all(feature.collapse is not None and feature.collapse < 4 for feature in rest)


def test_another_layout_is_refused() -> None:
    """Panes counted under another layout are an error, not a number."""
    other = world_layout(n_features=2)
    live = series(other, draw(other, np.random.default_rng(10), 100))
    mixed = PaneSeries(LAYOUT, live.width_us, live.panes)
    with pytest.raises(LayoutMismatchError):
        evaluate(offline(LAYOUT, draw(LAYOUT, np.random.default_rng(11), 100)), mixed, ALERTS)


def test_evaluation_is_cheap() -> None:
    """Fifty features, two hundred slices and two hundred panes take well under a second of CPU."""
    layout = world_layout(n_features=50, n_values=198, n_score_bins=128)
    rng = np.random.default_rng(12)
    before, live = offline(layout, draw(layout, rng, 5_000)), series(layout, draw(layout, rng, 5_000, hours=200))
    evaluate(before, live, ALERTS)
    started = time.process_time()
    evaluate(before, live, ALERTS)
    assert time.process_time() - started < 1.0  # measured .05 s


def test_inputs_are_left_alone() -> None:
    """Evaluating writes neither the baseline's counts nor the panes'."""
    rng = np.random.default_rng(13)
    before, live = offline(LAYOUT, draw(LAYOUT, rng, 500)), series(LAYOUT, draw(LAYOUT, rng, 500))
    frozen = PaneSeries(LAYOUT, live.width_us, tuple((start, pane.copy().freeze()) for start, pane in live.panes))
    summary: Summary = before.summary.copy()
    evaluate(before, frozen, ALERTS)
    assert before.summary == summary
    assert count(LAYOUT, draw(LAYOUT, np.random.default_rng(14), 0)) == Summary.zero(LAYOUT)
