"""The metrics of a regression from counts: against scikit-learn, in any unit, and finite whatever was counted."""

from __future__ import annotations

import math
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given
from sklearn import metrics as sk

from sentinel.stats.estimate import Estimate, Measured
from sentinel.summaries.algebra import Summary
from sentinel.summaries.layout import Layout, OutcomeScale
from sentinel.summaries.metrics import measure, measure_slices
from sentinel.summaries.rows import JOINED, Rows, bin_predictions
from tests.support.layouts import NUMBERS, TASKS, draw_predictions, draw_rows, seeds, small_layout

LAYOUT = small_layout(**TASKS["regression"])


def value(measured: Measured) -> float:
    """The number, where there is one."""
    assert isinstance(measured, Estimate)
    return measured.value


def rows_of(layout: Layout, n: int = 3_000, *, unit: float = 1.0, shift: float = 0.0, seed: int = 1) -> Rows:
    """Predictions around zero and outcomes half as noisy, told in some unit from some origin."""
    rng = np.random.default_rng(seed)
    predicted = rng.normal(0.0, 1.0, n)
    outcomes = predicted + rng.normal(0.0, 0.5, n)
    drawn = replace(draw_predictions(layout, rng, n), scores=predicted * unit + shift)
    rows = bin_predictions(layout, drawn)
    rows["state"], rows["outcome"] = JOINED, outcomes * unit + shift
    rows["outcome_at"] = rows["predicted_at"] + 1_000_000
    return rows


def counted(layout: Layout, rows: Rows) -> Summary:
    """A Summary of rows as predictions and outcomes."""
    summary = Summary.zero(layout)
    summary.observe_predictions(rows)
    summary.observe_outcomes(rows)
    return summary


def scaled_layout(unit: float = 1.0, shift: float = 0.0) -> Layout:
    """A layout whose scale is that of `rows_of`."""
    scale = OutcomeScale(centre=shift, unit=unit, split=shift, error_limit=20.0, residual_edges=(-0.5, 0.5))
    edges = tuple((np.linspace(-2, 2, 41) * unit + shift).tolist())
    return small_layout(task="regression", outcome_scale=scale, score_edges=edges, slice_score_edges=edges[::4])


@pytest.mark.parametrize(("unit", "shift"), [(1.0, 0.0), (1e6, -3e6), (1e-5, 2e-5)])
def test_metrics_agree_with_scikit_learn_in_any_unit(unit: float, shift: float) -> None:
    """MAE, RMSE, R2 and explained variance are those of the rows to 1e-7; the AUC is that of high outcomes."""
    layout = scaled_layout(unit, shift)
    rows = rows_of(layout, unit=unit, shift=shift)
    score, outcome = rows["score"], rows["outcome"]
    found = measure(counted(layout, rows))
    assert value(found["mae"]) == pytest.approx(sk.mean_absolute_error(outcome, score), rel=1e-7)
    assert value(found["rmse"]) == pytest.approx(math.sqrt(sk.mean_squared_error(outcome, score)), rel=1e-7)
    assert value(found["r2"]) == pytest.approx(sk.r2_score(outcome, score), rel=1e-7)
    assert value(found["explained_variance"]) == pytest.approx(sk.explained_variance_score(outcome, score), rel=1e-7)
    assert value(found["mean_error"]) == pytest.approx((score - outcome).mean(), rel=1e-5)
    assert value(found["mean_outcome"]) == pytest.approx(outcome.mean(), rel=1e-6)
    assert value(found["base_rate"]) == pytest.approx((outcome >= shift).mean())
    assert value(found["auc"]) == pytest.approx(sk.roc_auc_score(outcome >= shift, rows["score_bin"]), abs=1e-12)


def test_slices_agree_with_their_rows() -> None:
    """MAE and explained variance of one slice are those of its rows alone."""
    layout = scaled_layout()
    rows = rows_of(layout)
    table = measure_slices(counted(layout, rows))
    slot = layout.slice_names.index("region=EU")
    inside = rows[rows["slices"][:, 0] == slot]
    assert table.n[slot] == len(inside) > 100
    assert table.values["mae"][slot] == pytest.approx(sk.mean_absolute_error(inside["outcome"], inside["score"]))
    expected = sk.explained_variance_score(inside["outcome"], inside["score"])
    assert table.values["explained_variance"][slot] == pytest.approx(expected)


def test_one_outlier_is_cut_and_counted_apart() -> None:
    """An outcome of 1e300 among 3,000 counts as 128 units, an error of it as the limit; both are told apart."""
    layout = scaled_layout()
    rows = rows_of(layout)
    rows["outcome"][0] = 1e300
    summary = counted(layout, rows)
    assert summary["clipped"].tolist() == [1, 1]
    assert value(measure(summary)["mae"]) == pytest.approx(0.4 + 20 / 3_000, abs=0.02)  # E|N(0, .5)| = .4
    assert summary["residuals"].sum() == 3_000


def test_a_small_error_is_not_lost_to_the_fixed_point() -> None:
    """Errors of 1e-3 units have fourth powers of 1e-12, below one step; the variance of RMSE still has its size."""
    layout = scaled_layout()
    rows = rows_of(layout)
    rng = np.random.default_rng(2)
    rows["outcome"] = rows["score"] + rng.normal(0.0, 1e-2, len(rows))
    found = measure(counted(layout, rows))["rmse"]
    assert isinstance(found, Estimate)
    assert found.variance == pytest.approx(1e-4 / 2 / len(rows), rel=0.8)  # sd^2 / 2n for normal errors


@given(seeds)
def test_everything_is_finite(seed: int) -> None:
    """Whatever the rows, none included and some of them far out: values and variances are numbers."""
    rng = np.random.default_rng(seed)
    summary = counted(LAYOUT, draw_rows(LAYOUT, rng, int(rng.integers(0, 60))))
    for measured in measure(summary).values():
        if isinstance(measured, Estimate):
            assert math.isfinite(measured.value)
            assert 0 < measured.variance < math.inf
    table = measure_slices(summary)
    assert all(np.isfinite(array).all() for array in (*table.values.values(), *table.variances.values()))


def test_constant_outcomes_have_no_explained_variance() -> None:
    """Where all outcomes are one value, the share of their variance is no number but a reason."""
    rows = rows_of(LAYOUT)
    rows["outcome"] = 0.3
    found = measure(counted(LAYOUT, rows))
    assert not isinstance(found["explained_variance"], Estimate)
    assert value(found["mean_outcome"]) == pytest.approx(0.3)


def test_another_scale_is_another_layout() -> None:
    """Counts on different scales must not be added."""
    other = msgspec.structs.replace(NUMBERS, unit=0.5)
    assert small_layout(task="regression", outcome_scale=other).digest != LAYOUT.digest
