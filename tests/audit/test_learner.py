"""The reference learner learns from what it is told are features, and from nothing else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sentinel.audit.estimates.fitting import told
from sentinel.audit.files.columns import AuditColumns
from sentinel.audit.learner import fit
from sentinel.config.model import Model
from sentinel.errors import FatalError


def _frame(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x, plan = rng.normal(size=n), rng.choice(["a", "b"], n)
    logit = 2.0 * x + np.where(plan == "a", 2.0, -2.0)
    return pd.DataFrame(
        {
            "id": np.arange(n),
            "x": np.where(rng.random(n) < 0.1, np.nan, x),
            "plan": pd.Series(plan).where(rng.random(n) > 0.05),
            "vip": rng.random(n) < 0.5,
            "y": (rng.random(n) < 1.0 / (1.0 + np.exp(-logit))).astype(float),
        }
    )


def test_it_ranks_rows_by_numbers_and_categories() -> None:
    """Outcomes driven by a number and a word are ranked well, with holes, flags and unseen words among the inputs."""
    train, rows = _frame(2_000, 1), _frame(1_000, 2)
    rows.loc[:5, "plan"] = "unseen"
    scores = fit(train, rows.drop(columns="y"), features=["x", "plan", "vip", "absent"], outcome="y", task="binary")
    positive, negative = scores[rows["y"] == 1.0], scores[rows["y"] == 0.0]
    assert (positive[:, None] > negative[None, :]).mean() > 0.85
    assert ((scores >= 0.0) & (scores <= 1.0)).all()


def test_it_does_not_look_at_what_is_no_feature() -> None:
    """A column that gives the outcome away changes nothing where it is not among the features."""
    train, rows = _frame(500, 3), _frame(200, 4)
    without = fit(train, rows, features=["x"], outcome="y", task="binary")
    with_it = fit(train.assign(id=train["y"]), rows, features=["x"], outcome="y", task="binary")
    np.testing.assert_array_equal(without, with_it)


def test_it_predicts_numbers_and_classes() -> None:
    """A regression returns numbers near the outcome; classes come as probabilities in the order that is asked for."""
    train, rows = _frame(1_500, 5), _frame(300, 6)
    train["y"], rows["y"] = 3.0 * train["x"].fillna(0.0), 3.0 * rows["x"].fillna(0.0)
    found = fit(train, rows, features=["x"], outcome="y", task="regression")
    assert np.corrcoef(found, rows["y"])[0, 1] > 0.95
    train["kind"] = np.where(train["x"] > 0, "up", "down")
    shares = fit(train, rows, features=["x"], outcome="kind", task="multiclass", classes=["up", "never", "down"])
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    assert (shares[:, 1] == 0.0).all()
    assert (shares[rows["x"] > 0.5, 0] > 0.9).all()


def test_it_names_what_it_cannot_do() -> None:
    """Nothing to learn from, and a task it does not know, are errors in words."""
    train, rows = _frame(100, 7), _frame(50, 8)
    with pytest.raises(FatalError, match="share no number and no category"):
        fit(train, rows, features=["absent"], outcome="y", task="binary")
    with pytest.raises(FatalError, match="knows no ranking"):
        fit(train, rows, features=["x"], outcome="y", task="ranking")


def test_a_fit_is_told_what_it_names() -> None:
    """Keyword parameters that the audit knows are filled in; a fit that takes two frames is left as it is."""
    columns = AuditColumns(numeric=("x",), categorical=("plan",), texts=("note",), outcome="y", group="who")

    def plain(train: pd.DataFrame, rows: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.zeros(len(rows))

    model = Model(name="m", version="1")
    assert told(plain, model, columns, ()) is plain
    frame = _frame(200, 9)
    bound = told(fit, model, columns, ())
    np.testing.assert_array_equal(
        bound(frame, frame), fit(frame, frame, features=["x", "plan"], outcome="y", task="binary")
    )
