"""The metric without a feature: by the model with the feature changed, or by a fit without it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from sentinel.audit.findings import Inflation
from sentinel.audit.rescoring import MOST_SUSPECTS, NO_MODEL, REFITTED, UPPER_BOUND, Rescorer, one_value, shuffled
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
    rescorer = Rescorer(context_of(rows(300, 6), score_with=by_both))
    tried = [rescorer.without("x") for _ in range(MOST_SUSPECTS + 1)]
    assert [isinstance(one, Inflation) for one in tried] == [True] * MOST_SUSPECTS + [False]


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
