"""Scalers and imputers fitted before the split: scikit-learn fitted to either set of rows is the oracle."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from sentinel.audit.checks import fit_statistics
from sentinel.audit.preprocessing.pipelines import manifest_of
from tests.audit.frames import look

_COLUMNS = ["a", "b", "c"]


def _rows(n: int, seed: int, *, gaps: float = 0.1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(3.0, 2.0, (n, 3)), columns=_COLUMNS)
    frame.loc[rng.random(n) < gaps, "a"] = np.nan
    return frame.assign(outcome=rng.integers(0, 2, n), score=rng.random(n))


_STEPS: dict[str, Any] = {
    "standard": StandardScaler,
    "mean, standard": lambda: make_pipeline(SimpleImputer(), StandardScaler()),
    "median, standard": lambda: make_pipeline(SimpleImputer(strategy="median"), StandardScaler()),
    "median, robust": lambda: make_pipeline(SimpleImputer(strategy="median"), RobustScaler()),
    "constant, standard": lambda: make_pipeline(SimpleImputer(strategy="constant", fill_value=-1.0), StandardScaler()),
    "robust": RobustScaler,
    "least and greatest": MinMaxScaler,
    "greatest": MaxAbsScaler,
    "quantiles": lambda: QuantileTransformer(n_quantiles=40, subsample=None),
    "bins": lambda: make_pipeline(SimpleImputer(), KBinsDiscretizer(encode="ordinal", subsample=None)),
    "projection": lambda: PCA(2),
}


@pytest.mark.parametrize("name", _STEPS)
def test_what_a_step_was_fitted_to_is_told(name: str) -> None:
    """Each step of scikit-learn, fitted to the training rows, is clear; fitted to both files it is proof."""
    train, validation = _rows(700, 1), _rows(331, 2)
    # Beyond all training rows, so that the ends of both files are not those of the training rows.
    validation.loc[:1, _COLUMNS] = [[-60.5] * 3, [70.25] * 3]
    columns = _COLUMNS[1:] if name == "projection" else _COLUMNS
    for rows, state, severity in (
        (train, "clear", None),
        (pd.concat([train, validation]), "found", "warning"),
        (_rows(900, 9), "found", "info"),
    ):
        fitted = _STEPS[name]().fit(rows[columns])
        result = look(fit_statistics, validation, train, manifest=manifest_of(fitted))
        assert result.state == state, result.detail
        assert [finding.severity for finding in result.findings] == ([] if severity is None else [severity])
        if severity is not None:
            assert set(result.findings[0].columns) == set(columns)


@pytest.mark.parametrize("n_validation", [40, 400, 4_000])
def test_a_fit_to_both_files_is_found_at_any_strength(n_validation: int) -> None:
    """Forty validation rows among 4,000 are as much proof as 4,000: the digits tell them."""
    train, validation = _rows(4_000, 1), _rows(n_validation, 2)
    fitted = StandardScaler().fit(pd.concat([train, validation])[_COLUMNS])
    assert look(fit_statistics, validation, train, manifest=manifest_of(fitted)).findings[0].severity == "warning"


def test_honest_fits_raise_no_alarm() -> None:
    """Of 60 scalers and imputers fitted to training rows, none is said to know validation rows."""
    for seed in range(30):
        train, validation = _rows(200, seed), _rows(200, 1_000 + seed)
        for step in (StandardScaler(), make_pipeline(SimpleImputer(strategy="median"), MinMaxScaler())):
            manifest = manifest_of(step.fit(train[_COLUMNS]))
            assert look(fit_statistics, validation, train, manifest=manifest).state == "clear"


def test_statistics_written_to_few_digits_cannot_tell() -> None:
    """Means rounded to a whole number fit both: the check says so, and finds nothing."""
    train, validation = _rows(2_000, 1), _rows(1_000, 2)
    manifest = {"fit_statistics": {"b": {"mean": 3.0}}}
    result = look(fit_statistics, validation, train, manifest=manifest)
    assert result.state == "clear"
    assert "of 1 the statistics of both files are alike as far as the digits given go" in result.detail


def test_a_step_that_draws_rows_is_not_said_to_be_of_others() -> None:
    """A discretizer that takes 100 of 700 rows by chance agrees with no file: nothing follows."""
    train, validation = _rows(700, 1, gaps=0.0), _rows(300, 2, gaps=0.0)
    fitted = KBinsDiscretizer(encode="ordinal", subsample=100, random_state=1).fit(train[_COLUMNS])
    assert look(fit_statistics, validation, train, manifest=manifest_of(fitted)).state == "clear"


def test_the_most_frequent_value_of_a_category_and_of_a_number() -> None:
    """What is most frequent in both files, but not in the training rows, proves that an imputer saw validation rows."""
    train = pd.DataFrame({"plan": ["a"] * 5 + ["b"] * 4, "n": [1.5] * 5 + [2.5] * 4, "outcome": [0, 1, 0] * 3})
    validation = pd.DataFrame({"plan": ["b"] * 6, "n": [2.5] * 6, "outcome": [0, 1] * 3})
    stated = {"plan": {"most_frequent": "b", "n": 15}, "n": {"most_frequent": 2.5}}
    result = look(fit_statistics, validation, train, manifest={"fit_statistics": stated})
    assert result.findings[0].columns == ("plan", "n")
    stated = {"plan": {"most_frequent": "a"}, "n": {"most_frequent": 1.5}}
    assert look(fit_statistics, validation, train, manifest={"fit_statistics": stated}).state == "clear"


def test_parts_in_any_size_say_the_same() -> None:
    """Batches of 7 rows give the findings of one batch."""
    train, validation = _rows(300, 1), _rows(100, 2)
    manifest = manifest_of(_STEPS["median, standard"]().fit(pd.concat([train, validation])[_COLUMNS]))
    whole, parts = (look(fit_statistics, validation, train, manifest=manifest, batch_rows=n) for n in (1 << 15, 7))
    assert msgspec.structs.replace(whole, seconds=0.0) == msgspec.structs.replace(parts, seconds=0.0)


def test_what_is_missing_is_named() -> None:
    """Without a statement, without training rows, and without the columns, the check says what it needs."""
    train, validation = _rows(50, 1), _rows(50, 2)
    assert look(fit_statistics, validation, train).needs == "--manifest with fit_statistics, or --pipeline"
    manifest = {"fit_statistics": {"gone": {"mean": 1.25}}}
    assert look(fit_statistics, validation, None, manifest=manifest).needs == "--train"
    assert look(fit_statistics, validation, train, manifest=manifest).state == "not_checked"


def test_odd_columns_end_in_no_error() -> None:
    """All null, constant, infinite, huge, one row: no finding of a fit to validation rows, and no warning."""
    odd = pd.DataFrame(
        {"a": [np.nan] * 4, "b": [1.0] * 4, "c": [np.inf, -np.inf, 1e308, -1e308], "outcome": [0, 1, 0, 1]}
    )
    stated = {name: {"mean": 1.0, "sd": 2.0, "median": 1.0, "iqr": 1.0, "max": 1.0} for name in _COLUMNS}
    for validation in (odd, odd.iloc[:1]):
        result = look(fit_statistics, validation, odd, manifest={"fit_statistics": stated})
        assert all(finding.severity == "info" for finding in result.findings)


def test_no_statistic_and_no_category_enters_a_finding() -> None:
    """Values that occur nowhere else are searched for in all that the check says."""
    train = pd.DataFrame({"b": [4711.125, 4712.5, 4713.25] * 20, "plan": ["qzx"] * 60, "outcome": [0, 1] * 30})
    validation = pd.DataFrame({"b": [4714.0, 4718.5] * 20, "plan": ["wvy"] * 40, "outcome": [0, 1] * 20})
    both = pd.concat([train, validation])["b"]
    stated = {"b": {"mean": both.mean(), "sd": both.std(), "max": 4718.5}, "plan": {"most_frequent": "wvy"}}
    said = msgspec.json.encode(look(fit_statistics, validation, train, manifest={"fit_statistics": stated})).decode()
    assert '"found"' in said
    assert not [mark for mark in ("471", "qzx", "wvy", f"{both.mean():.4f}"[:5]) if mark in said]
