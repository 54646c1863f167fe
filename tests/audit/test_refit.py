"""A fit on some rows is measured on others, sees no outcome of these, and its failures are named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from sentinel.audit.check import Context, FitWith
from sentinel.audit.estimates.inflation import N_BUCKETS
from sentinel.audit.estimates.refit import Measured, gain_of, mean_of, pooled, refit, refitted_scores
from sentinel.audit.files.columns import AuditColumns
from sentinel.audit.files.rows import RowDecoder
from sentinel.config.model import Model
from sentinel.errors import BaselineError
from sentinel.stats.estimate import NotEnough
from tests.audit.frames import rows

COLUMNS = AuditColumns(
    numeric=("x", "noise"),
    categorical=("plan",),
    predicted_at="predicted_at",
    outcome="outcome",
    outcome_at="outcome_at",
    score="score",
)


def _context(fit_with: FitWith | None, *, n: int = 600, task: str = "binary") -> Context:
    """Samples of two files; the training file has a column more."""
    model = Model(name="m", version="1", task=task)  # type: ignore[arg-type]
    classes = ("no", "yes") if task == "multiclass" else ()
    columns = COLUMNS
    frames = [rows(n, 1).assign(only_train=1.0), rows(n, 2, first_hour=n)]
    if task == "multiclass":
        frames = [one.assign(outcome=np.where(one["outcome"] == 1, "yes", "no")) for one in frames]
    decoder = RowDecoder(model, columns, classes)
    first, second = (pa.Table.from_pandas(one, preserve_index=False) for one in frames)
    return Context(
        model=model,
        columns=columns,
        manifest={},
        n_train=n,
        n_validation=n,
        train=decoder.decode(first, "train", np.arange(n)),
        validation=decoder.decode(second, "validation", np.arange(n)),
        classes=classes,
        fit_with=fit_with,
    )


def _by_x(train: pd.DataFrame, asked: pd.DataFrame) -> Any:
    """The rank of a row by its own x: what an honest fit would find."""
    assert "outcome" in train.columns
    return 1.0 / (1.0 + np.exp(-asked["x"]))


def test_metric_is_that_of_scikit_learn() -> None:
    """The area of a refit is the area of its scores under the outcomes, to the width of a bin."""
    context = _context(_by_x)
    is_train = pooled(context).is_train
    measured = refit(context, is_train, ~is_train)
    assert isinstance(measured, Measured)
    assert (measured.n_fitted, measured.n, measured.metric) == (600, 600, "auc")
    exact = roc_auc_score(context.validation.outcomes, context.validation.numeric[0])
    assert measured.value.value == pytest.approx(exact, abs=1e-3)
    assert measured.left_out.shape == (N_BUCKETS,)


def test_frames_hold_what_both_files_have_and_no_outcome_to_score() -> None:
    """A fit sees neither the score in use nor when outcomes came, and of the rows to score no outcome."""
    seen: list[pd.DataFrame] = []

    def fit(train: pd.DataFrame, asked: pd.DataFrame) -> Any:
        seen.extend((train, asked))
        return asked["x"]

    context = _context(fit)
    is_train = pooled(context).is_train
    fitted = is_train & (np.arange(len(is_train)) % 2 == 0)
    refit(context, fitted, ~is_train)
    assert list(seen[0].columns) == ["prediction_id", "predicted_at", "outcome", "x", "noise", "plan"]
    assert list(seen[1].columns) == ["prediction_id", "predicted_at", "x", "noise", "plan"]
    assert (len(seen[0]), len(seen[1])) == (300, 600)
    np.testing.assert_array_equal(seen[0]["x"], rows(600, 1)["x"][::2])


def test_rows_of_both_files_can_be_fitted_to_and_scored() -> None:
    """Scores stand at the rows that were asked for, and nowhere else."""
    context = _context(_by_x)
    scored = np.arange(1_200) % 3 == 0
    scores = refitted_scores(context, ~scored, scored)
    assert not isinstance(scores, NotEnough)
    x = np.concatenate([rows(600, 1)["x"], rows(600, 2)["x"]])
    np.testing.assert_allclose(scores[scored], 1.0 / (1.0 + np.exp(-x[scored])))
    assert np.isnan(scores[~scored]).all()


def test_gain_between_two_metrics_of_shared_rows_is_surer_than_either() -> None:
    """A metric less itself is 0 for sure; less that of half the rows it is near 0, within an interval that holds 0."""
    context = _context(_by_x)
    is_train = pooled(context).is_train
    one = refit(context, is_train, ~is_train)
    half = refit(context, is_train, ~is_train & (np.arange(1_200) % 2 == 0))
    assert isinstance(one, Measured)
    assert isinstance(half, Measured)
    nothing, little, mean = gain_of(one, one), gain_of(one, half), mean_of([one, one])
    assert not isinstance(nothing, NotEnough)
    assert not isinstance(little, NotEnough)
    assert not isinstance(mean, NotEnough)
    assert (nothing.value, nothing.lower, nothing.upper) == (0.0, 0.0, 0.0)
    assert little.lower < 0.0 < little.upper
    assert mean.value == one.value.value
    assert mean.lower == pytest.approx(one.value.lower)


def test_classes_need_a_probability_each() -> None:
    """A multiclass fit gives a column a class; its accuracy is the share of rows whose largest is right."""

    def fit(_: pd.DataFrame, asked: pd.DataFrame) -> Any:
        yes = 1.0 / (1.0 + np.exp(-asked["x"].to_numpy()))
        return np.stack([1.0 - yes, yes], axis=1)

    context = _context(fit, task="multiclass")
    is_train = pooled(context).is_train
    measured = refit(context, is_train, ~is_train)
    assert isinstance(measured, Measured)
    frame = rows(600, 2)
    assert measured.value.value == pytest.approx(float(((frame["x"] > 0) == (frame["outcome"] == 1)).mean()))
    wrong = _context(_by_x, task="multiclass")
    with pytest.raises(BaselineError, match=r"--fit-with: it returned an array of shape .* of 2 classes"):
        refit(wrong, is_train, ~is_train)


def test_failures_of_the_fit_are_named() -> None:
    """What the callable raises, and what it returns that is no score a row, become one sentence with --fit-with."""

    def fails(_: pd.DataFrame, asked: pd.DataFrame) -> Any:
        raise KeyError("no such column")

    is_train = pooled(_context(None)).is_train
    with pytest.raises(BaselineError, match=r"--fit-with: the fit failed on 600 rows: KeyError in test_refit"):
        refit(_context(fails), is_train, ~is_train)
    for given in (np.zeros(5), np.full(600, np.nan), "no"):
        with pytest.raises(BaselineError, match="--fit-with: "):
            refit(_context(lambda *_, given=given: given), is_train, ~is_train)


def test_without_a_fit_or_outcomes_there_is_a_reason() -> None:
    """No callable, and too few outcomes of a class, give a reason and no number."""
    context = _context(None)
    is_train = pooled(context).is_train
    assert isinstance(refit(context, is_train, ~is_train), NotEnough)
    few = refit(_context(_by_x), is_train & (np.arange(1_200) < 5), ~is_train)
    assert isinstance(few, NotEnough)
    assert "too few outcomes" in few.reason


def test_outcomes_in_one_file_alone_give_a_reason() -> None:
    """Frames hold what both files have: without the outcome there is nothing to fit to, wherever rows come from."""
    context = _context(_by_x)
    assert context.train is not None
    alone = replace(context, train=replace(context.train, table=context.train.table.drop_columns(["outcome"])))
    is_train = pooled(alone).is_train
    found = refit(alone, ~is_train & (np.arange(1_200) % 2 == 0), ~is_train & (np.arange(1_200) % 2 == 1))
    assert found == NotEnough("the outcome is in one of the files alone", 1, 2)


def test_rows_without_an_outcome_are_not_counted_as_fitted_to() -> None:
    """Of 600 training rows the 100 without an outcome are left out of the fit and of its size."""
    context = _context(_by_x)
    assert context.train is not None
    outcomes = np.where(np.arange(600) < 100, np.nan, context.train.outcomes)
    gaps = replace(context, train=replace(context.train, outcomes=outcomes))
    is_train = pooled(gaps).is_train
    measured = refit(gaps, is_train, ~is_train)
    assert isinstance(measured, Measured)
    assert measured.n_fitted == 500


def test_a_feature_whose_name_begins_like_a_class_score_is_fitted_to() -> None:
    """A column scores.CLASS is a score where there are classes; of any other task it is a feature like others."""
    context = _context(None)
    assert context.train is not None
    named = [side.table.append_column("scores.maths", side.table["x"]) for side in (context.train, context.validation)]
    seen: list[str] = []

    def fit(train: pd.DataFrame, asked: pd.DataFrame) -> Any:
        seen.extend(train.columns)
        return asked["scores.maths"]

    both = replace(
        context,
        train=replace(context.train, table=named[0]),
        validation=replace(context.validation, table=named[1]),
        fit_with=fit,
    )
    is_train = pooled(both).is_train
    assert isinstance(refit(both, is_train, ~is_train), Measured)
    assert "scores.maths" in seen


def test_a_class_of_one_entity_alone_gives_no_interval() -> None:
    """Without that entity there is no area at all: one half in its place would be a number out of nothing."""
    context = _context(_by_x)
    groups = np.where(context.validation.outcomes == 1.0, np.uint64(1), np.arange(600, dtype=np.uint64) + 2)
    one = replace(context, validation=replace(context.validation, groups=groups.astype(np.uint64)))
    is_train = pooled(one).is_train
    found = refit(one, is_train, ~is_train)
    assert found == NotEnough("one group of entities holds all outcomes, or all of a class", 1, 2)
