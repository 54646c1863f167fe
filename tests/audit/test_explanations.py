"""Explanations: leaks that scores rest on are named, groups are those that were planted, honest models are let be."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from sentinel.audit.checks import explanations
from sentinel.audit.features.clusters import LEAST_SILHOUETTE, group_alike, shares_of
from sentinel.audit.findings import CheckResult
from sentinel.config.audit import Audit
from sentinel.errors import BaselineError
from tests.audit.frames import look, rows

N = 2_400
COLUMNS = Audit(attributions={"x": "shap_x", "leak": "shap_leak", "noise": "shap_noise"})


def explained(seed: int, share: float, n: int = N) -> pd.DataFrame:
    """Rows of which a share is decided by a mark of the outcome, the others by x and a little noise."""
    frame = rows(n, seed)
    rng = np.random.default_rng(1_000 + seed)
    known = rng.random(n) < share
    mark = np.where(known, 2.0 * frame["outcome"] - 1.0, 0.0)
    frame["leak"] = np.where(known, frame["outcome"], np.nan)
    frame["shap_x"] = np.where(known, 0.05, 1.0) * frame["x"]
    frame["shap_leak"] = 6.0 * mark
    frame["shap_noise"] = 0.1 * frame["noise"]
    total = frame[["shap_x", "shap_leak", "shap_noise"]].sum(axis=1)
    return frame.assign(score=1.0 / (1.0 + np.exp(-total)), known=known).drop(columns="known")


def worse(result: CheckResult) -> list[tuple[str, tuple[str, ...]]]:
    """Findings beyond info."""
    return [(one.severity, one.columns) for one in result.findings if one.severity != "info"]


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_group_that_one_mark_decides_is_named(share: float) -> None:
    """A fifth, half and nearly all of the rows rest on a mark of the outcome, and say so in groups of that size."""
    result = look(explanations, explained(1, share), settings=COLUMNS)
    groups = [one for one in result.findings if "alone decides" in one.title]
    assert {(one.severity, one.columns) for one in groups} == {("warning", ("leak",))}
    assert sum(one.n_rows for one in groups) == pytest.approx(share * N, rel=0.12)
    assert all(pair.train is None and pair.validation is not None for one in groups for pair in one.rows)


def test_exemplars_are_rows_of_their_group() -> None:
    """The rows named of a group that the mark decides are rows that have the mark."""
    frame = explained(2, 0.4)
    (finding, *_) = (one for one in look(explanations, frame, settings=COLUMNS).findings if "decides" in one.title)
    named = [pair.validation for pair in finding.rows if pair.validation is not None]
    assert len(named) == 10  # five of the rows that it lowers, five of those that it raises
    assert {pair.similarity for pair in finding.rows} == {0.0}  # rows that are compared with none
    assert frame["leak"].notna().iloc[named].all()


def test_an_honest_model_is_let_be() -> None:
    """Scores that rest on one honest feature, AUC .76, bring no warning, whatever the seed."""
    for seed in range(8):
        assert worse(look(explanations, explained(seed, 0.0), settings=COLUMNS)) == [], seed


def test_one_feature_alone_is_no_fault_by_itself() -> None:
    """Look-alike: a model of one input rests on it in every row; without near certainty that is good to know."""
    result = look(explanations, rows(N, 3), settings=None, score_with=lambda frame: frame["x"].to_numpy())
    assert worse(result) == []
    assert "x carries" in result.findings[0].title


@pytest.mark.parametrize(("strength", "severity"), [(8.0, "warning"), (4.0, "warning"), (1.2, "info")])
def test_the_model_is_asked_where_no_contributions_are_given(strength: float, severity: str) -> None:
    """Shuffling the leak costs most of the metric, and what it costs is stated as an upper bound."""
    frame = rows(N, 4)
    frame["leak"] = strength * frame["outcome"] + np.random.default_rng(1_004).normal(size=N)

    def score(asked: pd.DataFrame) -> npt.NDArray[np.float64]:
        return 1.0 / (1.0 + np.exp(-0.2 * asked["x"].to_numpy() - 2.0 * asked["leak"].to_numpy()))

    finding = look(explanations, frame.assign(score=score(frame)), score_with=score).findings[0]
    assert (finding.severity, finding.columns) == (severity, ("leak",))
    assert finding.inflation is not None
    assert finding.inflation.gain.value > 0.25
    assert ("upper bound" in finding.detail) == (severity == "warning")


def test_columns_that_only_training_rows_have_are_not_shuffled() -> None:
    """The model is asked about columns of validation rows alone."""
    train = rows(200, 16).assign(extra=1.0)
    result = look(explanations, rows(400, 17), train, score_with=lambda asked: asked["x"].to_numpy())
    assert result.state == "found"


def test_two_features_that_share_the_work_are_no_single_leg() -> None:
    """Of a score that two inputs make up, neither carries it alone."""
    frame = rows(N, 5)
    frame["other"] = 1.5 * frame["outcome"] + np.random.default_rng(1_005).normal(size=N)
    frame["x"] = 1.5 * frame["outcome"] + frame["noise"]
    result = look(explanations, frame, score_with=lambda asked: (asked["x"] + asked["other"]).to_numpy())
    assert not any("carries" in one.title for one in result.findings)


def test_groups_are_those_that_were_planted() -> None:
    """Three kinds of rows, each resting on another feature, come out as these three."""
    rng = np.random.default_rng(6)
    kind = rng.integers(0, 3, 900)
    values = rng.normal(0, 0.1, (900, 3))
    values[np.arange(900), kind] += 3.0
    groups = group_alike(shares_of(values), np.random.default_rng(0))
    assert sorted(len(group.places) for group in groups) == sorted(np.bincount(kind).tolist())
    assert all(len(set(kind[group.places].tolist())) == 1 for group in groups)
    assert {group.leading[0][0] for group in groups} == {0, 1, 2}


def test_rows_that_do_not_fall_apart_are_one_group() -> None:
    """A cloud in many dimensions has no silhouette above the least one."""
    cloud = np.random.default_rng(7).normal(size=(800, 20))
    (group,) = group_alike(shares_of(cloud), np.random.default_rng(0))
    assert len(group.places) == 800
    assert LEAST_SILHOUETTE == 0.25  # Kaufman and Rousseeuw's bound


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf, 1e308, -1e308])
def test_odd_contributions_break_nothing(value: float) -> None:
    """Contributions of nothing, of infinity and of one huge number make one group, or none that is suspicious."""
    frame = explained(8, 0.0, 300).assign(shap_x=value, shap_leak=value, shap_noise=value)
    assert worse(look(explanations, frame, settings=COLUMNS)) == []


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_rows_break_nothing(n: int) -> None:
    """A row or two make one group."""
    assert worse(look(explanations, explained(9, 0.5, n), settings=COLUMNS)) == []


def test_without_either_it_is_not_checked() -> None:
    """Neither columns nor a model: it says what to give."""
    result = look(explanations, rows(100, 10))
    assert (result.state, result.needs) == ("not_checked", "audit.attributions, or --score-with")


def test_without_scikit_learn_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clustering is optional."""
    real = builtins.__import__

    def without(name: str, *args: Any, **options: Any) -> Any:
        if name.startswith("sklearn"):
            raise ImportError(name)
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    result = look(explanations, explained(11, 0.5, 200), settings=COLUMNS)
    assert result.state == "not_checked"
    assert result.needs == "pip install 'sentinel-leakage[audit]'"


def test_a_number_is_explained_as_well() -> None:
    """Of a regression the error that grows without a feature counts."""
    frame = rows(N, 12).assign(outcome=lambda f: f["x"] * 3.0)
    frame["score"] = frame["outcome"]
    result = look(explanations, frame, task="regression", score_with=lambda asked: 3.0 * asked["x"].to_numpy())
    (first, *_) = result.findings
    assert (first.severity, first.columns) == ("warning", ("x",))
    assert first.inflation is not None
    assert first.inflation.metric == "rmse"


def test_a_model_that_fails_ends_in_one_sentence() -> None:
    """Whatever the callable raises, or returns, the error says which option to look at, and no value."""

    def fails(frame: pd.DataFrame) -> Any:
        raise KeyError("secret value")

    with pytest.raises(BaselineError, match=r"^--score-with: the model failed on 100 rows: KeyError$"):
        look(explanations, rows(100, 13), score_with=fails)
    with pytest.raises(BaselineError, match="--score-with: it returned an array of shape"):
        look(explanations, rows(100, 13), score_with=lambda _: np.zeros(3))


def test_it_is_the_same_each_time() -> None:
    """Random choices are seeded: two audits say the same, and batches do not matter."""
    frame = explained(14, 0.4, 900)
    first, second = (look(explanations, frame, settings=COLUMNS, batch_rows=n).findings for n in (10_000, 97))
    assert first == second


def test_no_value_is_told() -> None:
    """Neither the words nor the numbers of a column stand in the groups."""
    frame = rows(400, 15).assign(plan="xyzzy", noise=123456.789)
    assert "xyzzy" not in repr(look(explanations, frame, score_with=lambda asked: asked["x"].to_numpy()))
    assert "123456" not in repr(look(explanations, frame, score_with=lambda asked: asked["x"].to_numpy()))
