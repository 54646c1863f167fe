"""Twins that ended otherwise, and the bound that they put on any metric."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from sentinel.audit.checks import conflicting_outcomes
from tests.audit.frames import look
from tests.audit.tables import NUMBERS, odd_tables, table


def _recorded_twice(seed: int, wrong: float) -> pd.DataFrame:
    """A tenth of the rows once more, a share of all outcomes turned round."""
    rng = np.random.default_rng(seed)
    rows = table(6_000, seed)
    rows = pd.concat([rows, rows.head(600)], ignore_index=True)
    turned = rng.random(len(rows)) < wrong
    rows.loc[turned, "outcome"] = 1 - rows.loc[turned, "outcome"]
    return rows


@pytest.mark.parametrize("wrong", [0.03, 0.06, 0.1])
def test_wrong_outcomes_among_repeated_rows_are_estimated(wrong: float) -> None:
    """With a share e of outcomes wrong, 2 e (1 - e) of the twins of one event differ; e is given back."""
    (finding,) = look(conflicting_outcomes, table(2_000, 90), _recorded_twice(7, wrong)).findings
    assert (finding.severity, finding.cause) == ("warning", "data_quality_fault")
    assert "one event recorded twice" in finding.detail
    share = float(finding.detail.split("always agree")[0].split("twice; ")[1].split("%")[0]) / 100.0
    # 600 pairs: the standard error of the differing share is sqrt(.19 * .81 / 600), halved for each outcome.
    assert share == pytest.approx(wrong, abs=0.03)


def test_coarse_inputs_that_end_in_different_ways_are_information() -> None:
    """Where most rows have a twin, and twins agree little more than any two rows, nothing is wrong with the data."""
    frames = [
        table(n, seed, digits=0).assign(**dict.fromkeys(NUMBERS[1:], 0.0)) for n, seed in ((4_000, 1), (2_000, 2))
    ]
    (finding,) = look(conflicting_outcomes, frames[1], frames[0]).findings
    assert finding.severity == "info"
    assert "different events" in finding.detail.lower()


def test_a_conflict_across_the_files_is_named_by_its_rows() -> None:
    """A validation row with a training row's inputs and the other outcome is listed with it."""
    train, validation = table(3_000, 1), table(1_000, 2)
    inputs = [*NUMBERS, "plan", "city", "device"]
    validation.loc[:199, inputs] = train.loc[500:699, inputs].to_numpy()
    validation.loc[:199, "outcome"] = 1 - train.loc[500:699, "outcome"].to_numpy()
    (finding,) = look(conflicting_outcomes, validation, train).findings
    assert [(pair.train, pair.validation) for pair in finding.rows] == [(500 + i, i) for i in range(100)]


def test_honest_files_have_no_finding_of_weight() -> None:
    """Of 30 honest pairs of files, of any coarseness, none has a warning; those without twins have no finding."""
    for seed in range(30):
        digits = (None, 0, 1)[seed % 3]
        columns = NUMBERS[2:] if digits is not None else ()
        frames = [table(n, 100 * seed + n, digits=digits).assign(**dict.fromkeys(columns, 0.0)) for n in (1_500, 700)]
        result = look(conflicting_outcomes, frames[1], frames[0])
        assert all(finding.severity == "info" for finding in result.findings), seed
        assert digits is not None or not result.findings


def test_the_bound_is_the_best_area_of_any_ranking_of_the_inputs() -> None:
    """Against all orders of five inputs, by scikit-learn: the bound is reached and not exceeded."""
    rng = np.random.default_rng(3)
    rows = table(120, 4)
    kind = rng.integers(0, 5, 120)
    rows = rows.assign(**dict.fromkeys(NUMBERS, 0.0), plan="a", city="b", device="c")
    rows["x1"] = kind.astype(float)
    rows["outcome"] = (rng.random(120) < np.array([0.1, 0.3, 0.4, 0.5, 0.8])[kind]).astype(int)
    best = max(roc_auc_score(rows.outcome, np.array(order)[kind]) for order in itertools.permutations(range(5)))
    result = look(conflicting_outcomes, rows, table(200, 5))
    assert f"above {best:.4f}" in result.detail


def test_scores_better_than_their_inputs_allow_are_named() -> None:
    """Scores that tell twins apart, and rightly, know more than the features of the file."""
    rows = table(3_000, 1, digits=0).assign(**dict.fromkeys(NUMBERS[1:], 0.0), plan="a", city="b")
    rows["score"] = np.where(rows.outcome == 1, 0.9, 0.1)
    findings = look(conflicting_outcomes, rows, rows).findings
    (finding,) = [finding for finding in findings if finding.cause == "target_leakage"]
    assert "tell twins apart" in finding.detail
    honest = rows.assign(score=1.0 / (1.0 + np.exp(2.0 - 1.5 * rows.x0)))
    causes = [finding.cause for finding in look(conflicting_outcomes, honest, rows).findings]
    assert causes == ["data_quality_fault"]


def test_numbers_are_bounded_by_the_spread_of_twins() -> None:
    """The least root mean squared error is that of the means of twins: half the gap of each pair here."""
    rows = table(400, 1).drop(columns="outcome")
    rows = pd.concat([rows, rows], ignore_index=True)
    rows["outcome"] = np.repeat([1.0, 3.0], 400)
    result = look(conflicting_outcomes, rows, table(300, 2), task="regression")
    assert "RMSE below 1.0000" in result.detail


@pytest.mark.parametrize("name", list(odd_tables()))
def test_odd_files_have_a_result(name: str) -> None:
    """One class, no outcomes, nothing but missing, constant or wild values, a row or two: no error, no warning."""
    train, validation = odd_tables()[name]
    result = look(conflicting_outcomes, validation, train)
    assert all(finding.severity == "info" for finding in result.findings)


def test_without_outcomes_it_is_not_checked() -> None:
    """No outcome in either file is no ground to say that none differ."""
    train, validation = odd_tables()["no outcomes"]
    result = look(conflicting_outcomes, validation, train)
    assert (result.state, result.needs) == ("not_checked", "rows with outcomes")


def test_a_ranking_has_no_outcome_a_row() -> None:
    """The check says that it does not apply."""
    rows = table(100, 1).assign(relevance=1.0, group="g")
    assert look(conflicting_outcomes, rows, rows, task="ranking").state == "not_checked"


def test_batches_change_nothing() -> None:
    """Rows shown 97 at a time give what rows shown at once give."""
    train, validation = _recorded_twice(7, 0.05), table(1_000, 2)
    one, other = (look(conflicting_outcomes, validation, train, batch_rows=n) for n in (97, 1 << 15))
    assert one.findings == other.findings
    assert one.findings
