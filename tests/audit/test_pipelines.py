"""Fitted pipelines: read without running what a file brings along, column by column."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest, VarianceThreshold, f_classif
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    Normalizer,
    OneHotEncoder,
    PowerTransformer,
    StandardScaler,
    TargetEncoder,
)

from sentinel.audit.preprocessing.pipelines import NOT_READ, manifest_of, read_pipeline, with_pipeline
from sentinel.audit.scan import Given, audit
from sentinel.config.model import Model
from sentinel.errors import BaselineError

joblib = pytest.importorskip("joblib")
skops_io = pytest.importorskip("skops.io")


def _rows() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(rng.normal(size=(200, 4)), columns=list("abcd"))
    frame.loc[::7, "a"] = np.nan
    texts = np.where(rng.random(200) < 0.5, "late refund", "kind words")
    return frame.assign(plan=rng.choice(["x", "y"], 200), note=texts, outcome=rng.integers(0, 2, 200))


def _pipeline() -> Any:
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    columns = ColumnTransformer(
        [
            ("numbers", numbers, ["a", "b"]),
            ("same", "passthrough", ["c"]),
            ("plan", OneHotEncoder(), ["plan"]),
            ("mean", TargetEncoder(target_type="binary"), ["plan"]),
            ("note", TfidfVectorizer(), "note"),
        ]
    )
    rows = _rows()
    return make_pipeline(columns, LogisticRegression()).fit(rows, rows["outcome"])


def test_a_nested_pipeline_is_read_by_column() -> None:
    """Each step's numbers stand under the column that they came from, as numpy and pandas reckon them."""
    rows, manifest = _rows(), manifest_of(_pipeline())
    filled = rows["a"].fillna(rows["a"].mean())
    fitted = manifest["fit_statistics"]
    assert fitted["a"]["mean"] == pytest.approx(filled.mean())
    assert fitted["a"]["variance"] == pytest.approx(filled.var(ddof=0))
    assert fitted["a"]["imputed"] == pytest.approx(rows["a"].mean())
    assert fitted["b"]["n"] == 200
    assert set(fitted) == {"a", "b"}
    assert manifest["encoder_categories"] == {"plan": ["x", "y"]}
    assert set(manifest["target_encodings"]["plan"]) == {"x", "y"}
    assert set(manifest["vocabularies"]["note"]) == {"late", "refund", "kind", "words"}
    assert NOT_READ not in manifest


def test_a_selection_names_what_it_chose_and_of_what() -> None:
    """Behind an imputer and a scaler, columns still have their names; F is told by its function."""
    rows = _rows()
    steps = make_pipeline(SimpleImputer(), StandardScaler(), SelectKBest(f_classif, k=2))
    stated = manifest_of(steps.fit(rows[list("abcd")], rows["outcome"]))["selected_features"]
    assert stated["features"] == steps.get_feature_names_out().tolist()
    assert (stated["method"], stated["k"], stated["of"]) == ("univariate_f", 2, list("abcd"))
    assert manifest_of(VarianceThreshold().fit(rows[["b"]]))["selected_features"]["method"] == "variance"


def test_columns_without_names_are_taken_in_the_order_given() -> None:
    """A scaler that was fitted to an array is read by the names that the files give; without them it is listed."""
    fitted = StandardScaler().fit(_rows()[["b", "c"]].to_numpy())
    assert set(manifest_of(fitted, ["b", "c"])["fit_statistics"]) == {"b", "c"}
    assert manifest_of(fitted) == {NOT_READ: ["StandardScaler: its columns are not known"]}


@pytest.mark.parametrize("step", [TargetEncoder(target_type="binary"), KBinsDiscretizer(3, strategy="uniform"), PCA(2)])
def test_columns_that_are_not_known_are_the_reason(step: Any) -> None:
    """A step fitted to an array of columns that nothing names could be compared otherwise: nothing else is blamed."""
    rows = _rows()
    fitted = step.fit(rows[["b", "c"]].to_numpy(), rows["outcome"])
    assert manifest_of(fitted) == {NOT_READ: [f"{type(step).__name__}: its columns are not known"]}


@pytest.mark.parametrize(
    ("steps", "unread"),
    [
        (make_pipeline(PowerTransformer()), "PowerTransformer: what it was fitted to is not known"),
        (FunctionTransformer(np.abs), "FunctionTransformer: what its function does is not known"),
        (make_pipeline(StandardScaler(), PCA(2)), "PCA: its columns had been changed before"),
        (make_pipeline(PCA(2), StandardScaler()), "StandardScaler: its columns had been changed before"),
        (FeatureUnion([("p", PCA(2)), ("q", Normalizer())]), "Normalizer: what it was fitted to is not known"),
    ],
)
def test_steps_that_cannot_be_compared_are_listed(steps: Any, unread: str) -> None:
    """No statistic is made up for a step that changes what another has taken in, or that is not known."""
    rows = _rows()[["b", "c", "d"]]
    assert unread in manifest_of(steps.fit(rows))[NOT_READ]


def test_a_step_that_is_not_fitted_is_listed() -> None:
    """An unfitted scaler is no error."""
    assert manifest_of(StandardScaler(), ["a"]) == {NOT_READ: ["StandardScaler: it is not fitted"]}


def test_categories_given_by_hand_are_no_fit() -> None:
    """A list that the author wrote says nothing of the rows."""
    encoder = OneHotEncoder(categories=[["x", "y", "z"]]).fit(_rows()[["plan"]])
    assert manifest_of(encoder) == {NOT_READ: ["OneHotEncoder: its categories were given by hand"]}


def test_skops_files_are_read(tmp_path: Path) -> None:
    """What skops has stored says what the live object says; the score function of a selection is trusted."""
    rows = _rows()
    fitted = make_pipeline(SimpleImputer(), SelectKBest(f_classif, k=2)).fit(rows[list("abcd")], rows["outcome"])
    skops_io.dump(fitted, tmp_path / "p.skops")
    assert manifest_of(read_pipeline(tmp_path / "p.skops")) == manifest_of(fitted)


def _odd(values: Any) -> Any:
    return values


def test_types_that_are_not_trusted_are_named_and_not_loaded(tmp_path: Path) -> None:
    """A function of someone's own is refused by its name."""
    skops_io.dump(FunctionTransformer(_odd), tmp_path / "p.skops")
    with pytest.raises(BaselineError, match=r"not trusted, so it is not loaded: .*_odd"):
        read_pipeline(tmp_path / "p.skops")


class _Armed:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["p.pkl", "p.joblib", "p.pickle"])
def test_a_pickle_is_not_opened_unless_asked(tmp_path: Path, name: str) -> None:
    """What would run on reading does not run; with the opt-in, a scaler is read."""
    path = tmp_path / name
    path.write_bytes(pickle.dumps(_Armed(tmp_path / "ran")))
    with pytest.raises(BaselineError, match=r"can run any code .* --unpickle-pipeline"):
        read_pipeline(path)
    assert not (tmp_path / "ran").exists()
    joblib.dump(StandardScaler().fit(_rows()[["b"]]), path)
    assert set(manifest_of(read_pipeline(path, unpickle=True))["fit_statistics"]) == {"b"}


@pytest.mark.parametrize("name", ["gone.skops", "damaged.skops", "damaged.pkl", "pipeline.onnx"])
def test_files_that_cannot_be_read_are_named(tmp_path: Path, name: str) -> None:
    """Missing, damaged, or of another kind: the message names the file."""
    if name.startswith("damaged"):
        (tmp_path / name).write_bytes(b"nothing of the kind")
    with pytest.raises(BaselineError, match=name):
        read_pipeline(tmp_path / name, unpickle=True)


def test_what_is_stated_wins_over_the_pipeline(tmp_path: Path) -> None:
    """By feature: a stated one stays whole, the others are added; a path in the manifest is relative to it."""
    fitted = StandardScaler().fit(_rows()[["b", "c"]])
    stated = {"fit_statistics": {"b": {"mean": 7.5}}, "candidates": 3}
    merged = with_pipeline(stated, fitted, (), Path())
    assert merged["fit_statistics"]["b"] == {"mean": 7.5}
    assert set(merged["fit_statistics"]["c"]) == {"mean", "variance", "n"}
    assert merged["candidates"] == 3
    skops_io.dump(fitted, tmp_path / "p.skops")
    assert set(with_pipeline({"fitted_pipeline": "p.skops"}, None, (), tmp_path)["fit_statistics"]) == {"b", "c"}
    assert with_pipeline(stated, None, (), Path()) == stated


def test_an_audit_takes_a_pipeline() -> None:
    """Given with the files, what it holds is compared: fitted to the training rows, it is clear."""
    rows = _rows().assign(score=0.5)
    table = pa.Table.from_pandas(rows, preserve_index=False)
    given = Given(Model(name="m", version="1"), table.slice(0, 80), table.slice(80), pipeline=_fit(rows[80:]))
    by_name = {check.name: check for check in audit(given, now_us=0).checks}
    assert by_name["fit_statistics"].state == "clear"
    assert by_name["encoders"].state == "not_checked"


def _fit(rows: pd.DataFrame) -> Any:
    return StandardScaler().fit(rows[["a", "b"]])
