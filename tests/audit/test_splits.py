"""Splits are proposed by what the rows have, and the code that is printed does what is said of it."""

from __future__ import annotations

from typing import Any, Literal, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from sentinel.audit.check import Started
from sentinel.audit.checks import constant_columns
from sentinel.audit.findings import AuditReport, SplitProposal
from sentinel.audit.learner import fit
from sentinel.audit.scan import Given, audit
from sentinel.config.audit import Audit
from sentinel.config.columns import Columns
from sentinel.config.model import Model
from tests.audit.frames import rows

N = 1_500


def _propose(
    validation: pd.DataFrame,
    train: pd.DataFrame | None,
    *,
    task: Literal["binary", "multiclass", "regression", "ranking"] = "binary",
    columns: Columns | None = None,
    fit_with: Any = None,
    sample_rows: int = 100_000,
) -> AuditReport:
    model = Model(name="m", version="1", task=task, columns=columns or Columns(), audit=Audit(sample_rows=sample_rows))
    tables = [
        None if side is None else pa.Table.from_pandas(side, preserve_index=False) for side in (validation, train)
    ]
    assert tables[0] is not None
    given = Given(model, tables[0], tables[1], fit_with=fit_with)
    return audit(given, now_us=0, checks=[cast(Started, constant_columns)], propose=True)


def _by(report: AuditReport) -> dict[str, SplitProposal]:
    return {one.protocol: one for one in report.splits}


def _run(split: SplitProposal, *frames: pd.DataFrame) -> tuple[pd.DataFrame, list[tuple[Any, Any]]]:
    """What the printed code makes of the user's own frames: the rows as it left them, and the folds."""
    names: dict[str, Any] = {"rows": pd.concat(frames, ignore_index=True)}
    if len(frames) == 2:
        names |= {"train": frames[0], "validation": frames[1]}
    exec(split.code, names)  # that it runs is what is to be shown
    return names["rows"], names["folds"]


def _with_entities(seed: int, first_hour: int, n: int = N) -> pd.DataFrame:
    return rows(
        n, seed, first_hour=first_hour, group=lambda rng, m: np.array([f"u{i}" for i in rng.integers(0, 300, m)])
    )


def test_dated_rows_with_entities_get_all_three() -> None:
    """Times and entities: purged by time first, then time, then entities with the classes balanced."""
    train, validation = (
        rows(N, seed, first_hour=at, group=lambda rng, n: np.array([f"u{i}" for i in rng.integers(0, 3_000, n)]))
        for seed, at in ((1, 0), (2, N))
    )
    report = _propose(validation, train)
    assert [one.protocol for one in report.splits] == ["time+group", "time", "stratified+group"]
    assert all(one.metric is None and one.reason is not None and "--fit-with" in one.reason for one in report.splits)


def test_purging_that_leaves_few_rows_is_not_preferred() -> None:
    """Three hundred entities that all come back: nearly every training row would go, and it is said."""
    report = _propose(_with_entities(2, N), _with_entities(1, 0))
    assert [one.protocol for one in report.splits] == ["time", "time+group", "stratified+group"]
    assert "It leaves " in report.splits[1].why


def test_the_code_splits_by_time_with_the_gap_of_the_outcome_delay() -> None:
    """Each fold validates on later rows, after as many hours as outcomes take, and sizes are those stated."""
    train, validation = rows(N, 1), rows(N, 2, first_hour=N)
    for frame in (train, validation):
        frame["outcome_at"] = frame["predicted_at"] + pd.Timedelta(hours=100)
    split = _by(_propose(validation, train))["time"]
    found, folds = _run(split, train, validation)
    assert len(folds) == 5
    for fitted, scored in folds:
        last, first = found["predicted_at"].iloc[fitted].max(), found["predicted_at"].iloc[scored].min()
        assert first - last > pd.Timedelta(hours=100)
    assert (len(folds[-1][0]), len(folds[-1][1])) == (split.n_train, split.n_validation)


def test_the_code_purges_the_entities_that_are_validated_on() -> None:
    """No entity is on both sides, validation is later, and sizes are those stated."""
    train, validation = _with_entities(1, 0), _with_entities(2, N)
    split = _by(_propose(validation, train))["time+group"]
    found, folds = _run(split, train, validation)
    for fitted, scored in folds:
        assert not set(found["group"].iloc[fitted]) & set(found["group"].iloc[scored])
        assert found["predicted_at"].iloc[fitted].max() < found["predicted_at"].iloc[scored].min()
    assert (len(folds[-1][0]), len(folds[-1][1])) == (split.n_train, split.n_validation)


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_the_code_keeps_entities_together(task: Literal["binary", "regression"]) -> None:
    """Undated rows with entities, some of them without: no entity is on both sides, and every row is scored once."""
    train, validation = (_with_entities(seed, at).drop(columns="predicted_at") for seed, at in ((1, 0), (2, N)))
    validation.loc[:50, "group"] = None
    report = _propose(validation, train, task=task)
    (split,) = report.splits
    assert split.protocol == ("stratified+group" if task == "binary" else "group")
    found, folds = _run(split, train, validation)
    for fitted, scored in folds:
        assert not set(found["group"].iloc[fitted].dropna()) & set(found["group"].iloc[scored].dropna())
    assert sorted(np.concatenate([scored for _, scored in folds])) == list(range(2 * N))
    assert split.n_train == pytest.approx(len(folds[-1][0]), abs=60)


def test_rows_with_neither_are_stratified() -> None:
    """Without times and entities classes keep their share in every fold, of columns by whatever names."""
    validation = rows(N, 3).drop(columns=["predicted_at", "outcome_at"]).rename(columns={"outcome": "churned"})
    validation.loc[:9, "churned"] = None
    (split,) = _propose(validation, None, columns=Columns(outcome="churned")).splits
    assert split.protocol == "stratified"
    found, folds = _run(split, validation)
    rates = [found["churned"].iloc[scored].mean() for _, scored in folds]
    assert max(rates) - min(rates) < 0.005
    (split,) = _propose(validation.rename(columns={"churned": "outcome"}), None, task="regression").splits
    assert split.protocol == "random"
    assert len(_run(split, validation)[1]) == 5


def test_a_sample_speaks_for_the_files() -> None:
    """Of samples of 1,000 rows the sizes and the gap are those of the whole files."""
    train, validation = rows(3_000, 1), rows(3_000, 2, first_hour=3_000)
    whole, sampled = (_by(_propose(validation, train, sample_rows=n))["time"] for n in (100_000, 1_000))
    assert sampled.n_train == pytest.approx(whole.n_train, rel=0.05)
    assert sampled.n_validation == pytest.approx(whole.n_validation, rel=0.05)
    _, folds = _run(sampled, train, validation)
    assert len(folds) == 5


def test_a_delay_too_long_for_a_gap_is_said() -> None:
    """Outcomes that take longer than the rows span leave no gap, and the proposal says so."""
    train, validation = rows(N, 1), rows(N, 2, first_hour=N)
    for frame in (train, validation):
        frame["outcome_at"] = frame["predicted_at"] + pd.Timedelta(days=900)
    assert "too long for a gap" in _by(_propose(validation, train))["time"].why


def test_a_handful_of_rows_gets_no_proposal() -> None:
    """Fewer rows than two for each part of a split by time cannot be split."""
    assert _propose(rows(8, 1), None).splits == ()


def test_the_metric_under_each_split_is_measured() -> None:
    """Entities known by heart: split as given the metric is high, with entities apart it is not, and it is said."""
    rng = np.random.default_rng(5)
    level = rng.normal(0.0, 3.0, 50)
    who = rng.integers(0, 50, 2 * N)
    every = rows(2 * N, 5)
    every["group"], every["fingerprint"] = [f"u{i}" for i in who], [f"f{i}" for i in who]
    every["outcome"] = (rng.random(2 * N) < 1.0 / (1.0 + np.exp(-level[who]))).astype(np.int64)
    every = every.sample(frac=1.0, random_state=1, ignore_index=True).drop(columns="predicted_at")
    report = _propose(every.iloc[N:], every.iloc[:N], fit_with=fit)
    found = _by(report)
    given, apart = found["as given"].metric, found["stratified+group"].metric
    assert given is not None
    assert apart is not None
    assert given.lower > 0.75
    assert apart.upper < 0.65
    assert len(found["stratified+group"].folds) == 5
    _, folds = _run(found["as given"], every.iloc[:N], every.iloc[N:])
    assert [len(side) for side in folds[0]] == [N, N]
    answers = {item.question: item for item in report.checklist}
    assert answers["Does a stricter split of the same rows, by the same fit, give as good a metric?"].answer == "no"


def test_a_fold_that_could_not_be_measured_is_said() -> None:
    """Outcomes of one class in the last fold: four of five are measured, and the mean is not passed off as of all."""
    frame = rows(1_200, 6).drop(columns="outcome_at")
    frame.loc[1_000:, "outcome"] = 0
    split = _by(_propose(frame, None, fit_with=fit))["time"]
    assert split.metric is not None
    assert len(split.folds) == 4
    assert split.why.endswith(" Of 5 folds 4 could be measured.")
