"""Features selected before the split: scikit-learn's selection on either set of rows is the oracle."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import msgspec
import numpy as np
import pandas as pd
import pytest
from sklearn.feature_selection import SelectKBest, f_classif, f_regression, mutual_info_classif, r_regression

from sentinel.audit.checks import feature_selection
from sentinel.audit.features.feature_scores import FeatureScores, chance_of, is_top
from sentinel.audit.preprocessing.pipelines import manifest_of
from tests.audit.frames import look

_N = 60
_NAMES = [f"f{i}" for i in range(_N)]
_Task = Literal["binary", "regression"]


def _rows(n: int, seed: int, task: _Task = "binary") -> pd.DataFrame:
    """Three features that matter, and many that do not."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, _N))
    drive = values[:, :3].sum(axis=1) + rng.logistic(size=n)
    frame = pd.DataFrame(values, columns=_NAMES)
    return frame.assign(outcome=(drive > 0).astype(np.int64) if task == "binary" else drive, score=rng.random(n))


def _stated(rows: pd.DataFrame, k: int = 12, score: Any = f_classif) -> dict[str, Any]:
    return manifest_of(SelectKBest(score, k=k).fit(rows[_NAMES], rows["outcome"]))


@pytest.mark.parametrize(
    ("task", "score"), [("binary", f_classif), ("regression", f_regression), ("regression", r_regression)]
)
def test_whose_rows_selected_is_told(task: _Task, score: Any) -> None:
    """From training rows: clear; from both files: critical; from other rows: good to know."""
    train, validation = _rows(400, 1, task), _rows(200, 2, task)
    for rows, severity in (
        (train, None),
        (pd.concat([train, validation]), "critical"),
        (_rows(600, 3, task), "info"),
    ):
        result = look(feature_selection, validation, train, manifest=_stated(rows, score=score), task=task)
        assert [finding.severity for finding in result.findings] == ([] if severity is None else [severity])


@pytest.mark.parametrize("n_validation", [100, 400, 1_600])
def test_the_choice_of_both_files_is_found_at_any_strength(n_validation: int) -> None:
    """The more validation rows had a say, the more features owe their place to them; each time they are named."""
    train, validation = _rows(800, 1), _rows(n_validation, 2)
    manifest = _stated(pd.concat([train, validation]))
    honest = set(_stated(train)["selected_features"]["features"])
    (finding,) = look(feature_selection, validation, train, manifest=manifest).findings
    assert set(finding.columns) == set(manifest["selected_features"]["features"]) - honest


def test_honest_selections_raise_no_alarm() -> None:
    """Of 40 selections within the training rows, none is said to know validation rows."""
    for seed in range(40):
        train, validation = _rows(150, seed), _rows(150, 500 + seed)
        assert look(feature_selection, validation, train, manifest=_stated(train)).state == "clear"


def test_the_same_choice_either_way_is_no_leak() -> None:
    """Three features that stand far out are chosen by whatever rows: nothing was gained, and the check says so."""
    train, validation = _rows(2_000, 1), _rows(1_000, 2)
    result = look(feature_selection, validation, train, manifest=_stated(pd.concat([train, validation]), k=3))
    assert result.state == "clear"
    assert "lead to the same choice" in result.detail


def test_a_selection_by_variance_is_a_warning() -> None:
    """It uses no outcome."""
    train, validation = _rows(300, 1), _rows(300, 2)
    both = pd.concat([train, validation])[_NAMES]
    chosen = both.var().nlargest(10).index.tolist()
    manifest = {"selected_features": {"method": "variance", "k": 10, "features": chosen, "of": _NAMES}}
    (finding,) = look(feature_selection, validation, train, manifest=manifest).findings
    assert finding.severity == "warning"
    chosen = train[_NAMES].var().nlargest(10).index.tolist()
    manifest["selected_features"]["features"] = chosen
    assert look(feature_selection, validation, train, manifest=manifest).state == "clear"


def test_a_selection_by_information_is_repeated() -> None:
    """Scikit-learn's estimate of either rows is told apart; large files are left out."""
    train, validation = _rows(150, 1), _rows(100, 2)
    for rows, state in ((train, "clear"), (pd.concat([train, validation]), "found")):
        chosen = SelectKBest(partial(mutual_info_classif, random_state=3), k=12).fit(rows[_NAMES], rows["outcome"])
        features = chosen.get_feature_names_out().tolist()
        manifest = {"selected_features": {"method": "mutual_information", "k": 12, "features": features, "of": _NAMES}}
        assert look(feature_selection, validation, train, manifest=manifest).state == state
    large = _rows(9_000, 1)
    assert look(feature_selection, validation, large, manifest=manifest).state == "not_checked"


def test_scores_rank_as_scikit_learn_does() -> None:
    """Of two classes, three classes and a number: the same order as its F, from sums of parts in any order."""
    rng = np.random.default_rng(7)
    values = rng.normal(1e4, 3.0, (90, 8))
    for n_classes, outcomes, oracle in (
        (2, rng.integers(0, 2, 90), f_classif),
        (3, rng.integers(0, 3, 90), f_classif),
        (0, rng.normal(size=90), f_regression),
    ):
        whole = FeatureScores("univariate_f", values[0], 0.25, n_classes)
        parts = [FeatureScores("univariate_f", values[0], 0.25, n_classes) for _ in range(3)]
        for part, chosen in zip(parts, np.array_split(rng.permutation(90), 3), strict=True):
            part.add(values[chosen].T, outcomes[chosen].astype(np.float64))
            whole.merge(part)
        expected = np.argsort(oracle(values, outcomes)[0])
        assert whole.n == 90
        assert np.argsort(whole.scores()[0]).tolist() == expected.tolist()


def test_gaps_filled_by_the_mean_are_one_reading() -> None:
    """With a third of the values missing, the selection behind a mean imputer is still that of the training rows."""
    train, validation = _rows(400, 1), _rows(300, 2)
    for frame in (train, validation):
        frame[_NAMES] = frame[_NAMES].mask(np.random.default_rng(len(frame)).random((len(frame), _N)) < 0.3)
    for rows, state in ((train, "clear"), (pd.concat([train, validation]), "found")):
        filled = rows.fillna({name: rows[name].mean() for name in _NAMES})
        manifest = _stated(filled)
        assert look(feature_selection, validation, train, manifest=manifest).state == state


def test_equal_scores_may_fall_either_way() -> None:
    """Of features tied at the edge any may be chosen; one without spread never is."""
    scores = np.array([2.0, 1.0, 1.0, np.nan])
    chosen = [[1, 1, 0, 0], [1, 0, 1, 0], [0, 1, 1, 0], [1, 1, 1, 1]]
    assert [is_top(scores, np.array(some, np.bool_), 1e-9) for some in chosen] == [True, True, False, True]


def test_the_chance_of_a_choice_is_that_of_its_scores() -> None:
    """Two equal features: one is before the other in half of the draws; far apart, always."""
    rng = np.random.default_rng(3)
    first = np.array([True, False])
    # 1,000 draws of a fair coin: six standard errors are .095.
    assert chance_of(np.array([0.2, 0.2]), first, 100, rng) == pytest.approx(0.5, abs=0.095)
    assert chance_of(np.array([0.9, 0.1]), first, 100, rng) == 1.0
    assert chance_of(np.array([0.1, 0.9]), first, 100, rng) == 0.001


def test_parts_in_any_size_say_the_same() -> None:
    """Batches of 11 rows give the findings of one batch."""
    train, validation = _rows(200, 1), _rows(100, 2)
    manifest = _stated(pd.concat([train, validation]))
    whole, parts = (look(feature_selection, validation, train, manifest=manifest, batch_rows=n) for n in (1 << 15, 11))
    assert msgspec.structs.replace(whole, seconds=0.0) == msgspec.structs.replace(parts, seconds=0.0)


def test_what_is_missing_is_named() -> None:
    """No statement, no training rows, another method, only the chosen columns, no outcomes: not checked, and why."""
    train, validation = _rows(60, 1), _rows(60, 2)
    stated = _stated(train)
    chosen = stated["selected_features"]["features"]
    assert look(feature_selection, validation, train).state == "not_checked"
    assert look(feature_selection, validation, None, manifest=stated).needs == "--train"
    other = {"selected_features": {**stated["selected_features"], "method": "other"}}
    assert look(feature_selection, validation, train, manifest=other).state == "not_checked"
    kept = [*chosen, "outcome", "score"]
    result = look(feature_selection, validation[kept], train[kept], manifest=stated)
    assert result.needs == "both files as they were before the selection"
    assert look(feature_selection, validation.assign(outcome=None), train, manifest=stated).state == "not_checked"


def test_odd_columns_end_in_no_error() -> None:
    """Constant, missing, infinite and huge features, one class: a verdict, and no warning."""
    odd = pd.DataFrame(
        {"a": [1.0] * 4, "b": [np.nan] * 4, "c": [np.inf, 1.0, 2.0, -np.inf], "d": [1e300, -1e300, 1, 2]}
    )
    for outcome in ([0, 1, 0, 1], [1, 1, 1, 1]):
        rows = odd.assign(outcome=outcome)
        for method in ("univariate_f", "correlation", "variance"):
            manifest = {"selected_features": {"method": method, "k": 2, "features": ["c", "d"]}}
            result = look(feature_selection, rows, rows, manifest=manifest)
            assert all(finding.severity == "info" for finding in result.findings)
