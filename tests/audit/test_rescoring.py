"""The metric without a feature: by the model with the feature changed, or by a fit without it."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from sentinel.audit.estimates.refit import Measured, refit
from sentinel.audit.estimates.rescoring import (
    MOST_SUSPECTS,
    NO_MODEL,
    REFITTED,
    UPPER_BOUND,
    Rescorer,
    one_value,
    shuffled,
)
from sentinel.audit.findings import Inflation
from sentinel.audit.memo import Memo
from sentinel.stats.estimate import NotEnough
from tests.audit.contexts import context_of
from tests.audit.frames import rows


def by_both(frame: pd.DataFrame) -> npt.NDArray[np.float64]:
    """A score of two inputs, as a model gives it."""
    return (frame["x"].fillna(0.0) + frame["noise"]).to_numpy()


def test_shuffling_costs_what_the_feature_gave() -> None:
    """Without x only noise is left: the repaired AUC is a coin's, and the gain what was above it."""
    rescorer = Rescorer(context_of(rows(4_000, 1), score_with=by_both))
    found = rescorer.without("x")
    assert isinstance(found, Inflation)
    assert rescorer.how == UPPER_BOUND
    assert abs(found.repaired - 0.5) < 0.03
    assert found.gain.value == pytest.approx(found.stated - found.repaired)
    assert found.gain.lower > 0.0


def test_what_is_served_goes_first() -> None:
    """Where the manifest says what is served before the value is known, the model is asked with that."""
    frame = rows(2_000, 2)
    context = context_of(frame, manifest={"serving_defaults": {"x": None}}, score_with=by_both)
    found = Rescorer(context).without("x")
    assert isinstance(found, Inflation)
    assert found.repaired == pytest.approx(roc_auc_score(frame["outcome"], frame["noise"]), abs=2e-3)


def test_a_fit_goes_before_a_model() -> None:
    """With training rows and a fit from scratch both are fitted, with and without the column."""
    seen: list[bool] = []

    def fit(train: pd.DataFrame, asked: pd.DataFrame) -> npt.NDArray[np.float64]:
        seen.append("x" in train.columns)
        assert ("x" in asked.columns) == seen[-1]
        return asked["x" if seen[-1] else "noise"].to_numpy()

    rescorer = Rescorer(context_of(rows(900, 3), rows(900, 4), score_with=by_both, fit_with=fit))
    assert rescorer.how == REFITTED
    found = rescorer.without("x")
    assert isinstance(found, Inflation)
    assert seen == [True, False]
    rescorer.without("plan")
    assert seen == [True, False, True]  # the stated one is fitted once


def test_without_a_model_it_says_what_to_give() -> None:
    """Nothing at hand: the reason names the options."""
    found = Rescorer(context_of(rows(50, 5))).without("x")
    assert isinstance(found, NotEnough)
    assert found.reason == NO_MODEL


def test_only_so_many_are_tried() -> None:
    """Fits may take minutes: after the strongest suspects it says so."""
    context = context_of(rows(300, 6), score_with=by_both)
    rescorer = Rescorer(context)
    columns = ["x", "noise", "plan", "outcome_at"]
    tried = [rescorer.without(name) for name in columns]
    assert [isinstance(one, Inflation) for one in tried] == [True] * MOST_SUSPECTS + [False]
    assert rescorer.without("x") is tried[0]  # what is known costs nothing
    assert Rescorer(context).without("plan") is tried[2]  # whichever check asked for it


def test_a_fit_is_made_once_for_all_checks() -> None:
    """Two checks that suspect one feature, and one that fits to the split as it is, share two fits."""
    fits: list[bool] = []
    told: list[str] = []

    def fit(train: pd.DataFrame, asked: pd.DataFrame) -> npt.NDArray[np.float64]:
        fits.append("x" in train.columns)
        return asked["x" if "x" in asked else "noise"].to_numpy()

    context = replace(context_of(rows(600, 11), rows(600, 12), fit_with=fit), tell=told.append)
    first, second = Rescorer(context).without("x"), Rescorer(context).without("x")
    is_train = np.arange(1_200) < 600
    stated = refit(context, is_train, ~is_train)
    assert isinstance(first, Inflation)
    assert first is second
    assert isinstance(stated, Measured)
    assert stated.value.value == first.stated
    assert fits == [True, False]
    assert told == ["fitting to 600 rows, with every feature", "fitting to 600 rows, without x"]


def test_a_copy_remembers_nothing() -> None:
    """What goes to another process takes no frames and no scores with it."""
    memo = Memo()
    memo.once("question", lambda: "answer")
    assert "question" in memo
    assert "question" not in pickle.loads(pickle.dumps(memo))


def test_columns_keep_their_type() -> None:
    """A model may insist on categories, integers and times: shuffled or constant columns are as they were."""
    frame = pd.DataFrame(
        {
            "c": pd.Categorical(["a", "b", "a"]),
            "i": pd.array([1, 2, None], dtype="Int64"),
            "t": pd.Series([pd.Timestamp("2026-01-01"), pd.Timestamp("2026-01-02"), pd.NaT]),
        }
    )
    for name in frame:
        changed = shuffled(frame, str(name), np.array([2, 0, 1]))
        assert changed.dtypes.equals(frame.dtypes)
        assert changed[name].tolist()[1:] == frame[name].tolist()[:2]
    assert one_value(frame["c"], "b").dtype == frame["c"].dtype
    assert one_value(frame["i"], None).isna().all()
    assert frame["c"].tolist() == ["a", "b", "a"]  # the rows given are left alone
