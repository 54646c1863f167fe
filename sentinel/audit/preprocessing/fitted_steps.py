"""What each step of a fitted scikit-learn pipeline has taken from its rows, by the column that it took it from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

_DEFAULT_PATTERN: Final = r"(?u)\b\w\w+\b"
_QUANTILES: Final = 5
"""Of the many quantiles of a transformer, as many are compared: each is exact, more of them prove no more."""
_METHODS: Final = {
    "f_classif": "univariate_f",
    "f_regression": "univariate_f",
    "r_regression": "correlation",
    "mutual_info_classif": "mutual_information",
    "mutual_info_regression": "mutual_information",
}
_UNMOVED: Final[Mapping[str, frozenset[str]]] = {
    "mean": frozenset({"min", "max", "max_abs"}),
    "median": frozenset({"min", "max", "max_abs", "median"}),
    "most_frequent": frozenset({"min", "max", "max_abs", "most_frequent"}),
}
"""Statistics that stay what they were where missing values are replaced by another."""
_RECKONED: Final = frozenset({"mean", "variance", "n"})
"""Statistics that are reckoned from those of the known values and what the others were replaced by."""


@dataclass(frozen=True, slots=True)
class Traced:
    """One column on its way through a pipeline.

    Parameters
    ----------
    name : str or None
        Of the column of the file that it came from alone, in the same order; None where it is made of others.
    is_changed : bool
        Whether its known values are no longer those of the file.
    filled_by : str or None
        The strategy by which missing values were replaced, and ``filled`` the value, where it is a number.
    """

    name: str | None = None
    is_changed: bool = False
    filled_by: str | None = None
    filled: float | None = None

    def changed(self) -> Traced:
        """The same, scaled."""
        return replace(self, is_changed=True)


Columns = list[Traced] | None
"""None: it is not known how many there are."""


@dataclass(slots=True)
class FittedSteps:
    """Gathers, in the manifest's form, what the steps hold; ``unread`` names what cannot be compared, and why."""

    manifest: dict[str, Any] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)

    def walk(self, step: Any, columns: Columns) -> Columns:
        """Read one step, and those inside it; returns the columns that it hands on."""
        kind = type(step).__name__
        inside = _COMPOSED.get(kind)
        if inside is not None:
            return inside(self, step, columns)
        if not hasattr(step, "transform"):  # a model, a splitter
            return None
        reader = _READERS.get(kind) if type(step).__module__.startswith("sklearn.") else None
        if reader is None:
            self.leave(kind, "what it was fitted to is not known")
            return None
        try:
            return reader(self, step, columns)
        except AttributeError:
            self.leave(kind, "it is not fitted")
            return None

    def leave(self, kind: str, why: str) -> None:
        """Note a step that is not read, once."""
        said = f"{kind}: {why}"
        if said not in self.unread:
            self.unread.append(said)

    def states(self, step: Any, column: Traced, statistics: Mapping[str, Any]) -> None:
        """Note statistics of a column, as far as they are of the values in the file."""
        if column.name is None or column.is_changed:
            self.leave(type(step).__name__, "its columns had been changed before")
            return
        usable = dict(statistics)
        if column.filled_by is not None:
            moved = usable.keys() - _UNMOVED.get(column.filled_by, frozenset())
            if column.filled is not None:
                moved -= _RECKONED
                usable["imputed"] = column.filled
            usable = {name: value for name, value in usable.items() if name not in moved}
        if usable.keys() <= {"imputed", "subsample"}:
            self.leave(type(step).__name__, "missing values had been replaced before")
            return
        of_column = self.manifest.setdefault("fit_statistics", {}).setdefault(column.name, {})
        for name, value in usable.items():
            if not isinstance(value, float) or math.isfinite(value):
                of_column.setdefault(name, value)

    def knows(self, key: str, step: Any, column: Traced, words: Any) -> None:
        """Note what an encoder knows of a column."""
        if column.name is None or column.is_changed:
            self.leave(type(step).__name__, "its columns had been changed before")
        else:
            self.manifest.setdefault(key, {})[column.name] = words


def _changed(columns: Columns) -> Columns:
    return None if columns is None else [column.changed() for column in columns]


def _made(step: Any) -> Columns:
    """Columns made of others, as many as the step says that it hands on."""
    try:
        return [Traced()] * len(step.get_feature_names_out())
    except (ValueError, AttributeError):
        return None


def _numbers(values: Any) -> list[float]:
    return [float(value) for value in np.asarray(values, np.float64)]


def _pipeline(into: FittedSteps, step: Any, columns: Columns) -> Columns:
    for _, part in step.steps:
        if part is not None and part != "passthrough":
            columns = into.walk(part, columns)
    return columns


def _column_transformer(into: FittedSteps, step: Any, columns: Columns) -> Columns:
    if not hasattr(step, "transformers_"):
        into.leave("ColumnTransformer", "it is not fitted")
        return None
    made: Columns = []
    for _, part, chosen in step.transformers_:
        some = _chosen(columns, chosen)
        if isinstance(part, str):
            out: Columns = [] if part == "drop" else some
        else:
            out = into.walk(part, some)
        made = None if made is None or out is None else [*made, *out]
    return made


def _chosen(columns: Columns, chosen: Any) -> Columns:
    """The columns that a transformer was given: by name, number, slice or mask."""
    wanted: Any = [chosen] if isinstance(chosen, str | int) else chosen
    if not isinstance(wanted, slice) and len(wanted) and all(isinstance(one, str) for one in wanted):
        by_name: dict[Any, Traced] = {column.name: column for column in columns or ()}
        return [by_name.get(name, Traced(str(name))) for name in wanted]
    if columns is None:
        return None
    if isinstance(wanted, slice):
        if isinstance(wanted.start, str) or isinstance(wanted.stop, str):
            return None
        return columns[wanted]
    numbers = np.asarray(wanted)
    at = np.flatnonzero(numbers) if numbers.dtype == np.bool_ else numbers.astype(np.int64)
    return [columns[i] for i in at.tolist()]


def _union(into: FittedSteps, step: Any, columns: Columns) -> Columns:
    made: Columns = []
    for _, part in step.transformer_list:
        if part == "drop":
            continue
        out = columns if part == "passthrough" else into.walk(part, columns)
        made = None if made is None or out is None else [*made, *out]
    return made


def _search(into: FittedSteps, step: Any, columns: Columns) -> Columns:
    if not hasattr(step, "best_estimator_"):
        into.leave(type(step).__name__, "it is not fitted")
        return None
    return into.walk(step.best_estimator_, columns)


def _simple_imputer(into: FittedSteps, step: Any, columns: Columns) -> Columns:
    if columns is None:
        into.leave("SimpleImputer", "its columns are not known")
        return None
    made: list[Traced] = []
    for column, value in zip(columns, step.statistics_.tolist(), strict=True):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is None or value != value:
            if step.keep_empty_features:
                made.append(Traced())
            continue
        if step.strategy in ("mean", "median", "most_frequent"):
            into.states(step, column, {step.strategy: float(value) if is_number else value})
        if column.filled_by is not None:
            made.append(column)
        else:
            made.append(replace(column, filled_by=step.strategy, filled=float(value) if is_number else None))
    flags = 0 if step.indicator_ is None else len(step.indicator_.features_)
    return [*made, *[Traced()] * flags]


def _by_column(read: Callable[[Any], Sequence[Mapping[str, Any]]]) -> Callable[[FittedSteps, Any, Columns], Columns]:
    """A step that takes something from each column and hands each of them on."""

    def reader(into: FittedSteps, step: Any, columns: Columns) -> Columns:
        statistics = read(step)
        if columns is None or len(columns) != len(statistics):
            into.leave(type(step).__name__, "its columns are not known")
            return None
        for column, some in zip(columns, statistics, strict=True):
            into.states(step, column, some)
        return _changed(columns)

    return reader


def _standard_scaler(step: Any) -> list[dict[str, Any]]:
    means = step.mean_ if step.mean_ is not None else []
    spreads = step.var_ if step.var_ is not None else [math.nan] * len(means)
    n = np.broadcast_to(step.n_samples_seen_, len(means)).tolist()
    rows = zip(_numbers(means), _numbers(spreads), n, strict=True)
    return [{"mean": mean, "variance": variance, "n": int(seen)} for mean, variance, seen in rows]


def _min_max_scaler(step: Any) -> list[dict[str, Any]]:
    ends = zip(_numbers(step.data_min_), _numbers(step.data_max_), strict=True)
    return [{"min": least, "max": most, "n": int(step.n_samples_seen_)} for least, most in ends]


def _max_abs_scaler(step: Any) -> list[dict[str, Any]]:
    return [{"max_abs": most, "n": int(step.n_samples_seen_)} for most in _numbers(step.max_abs_)]


def _robust_scaler(step: Any) -> list[dict[str, Any]]:
    n = step.n_features_in_
    medians = [math.nan] * n if step.center_ is None else _numbers(step.center_)
    plain = step.scale_ is not None and tuple(step.quantile_range) == (25.0, 75.0) and not step.unit_variance
    ranges = _numbers(step.scale_) if plain else [math.nan] * n
    return [{"median": median, "iqr": iqr} for median, iqr in zip(medians, ranges, strict=True)]


def _quantile_transformer(step: Any) -> list[dict[str, Any]]:
    at = np.unique(np.linspace(0, len(step.references_) - 1, _QUANTILES).round().astype(np.int64))
    shares = [repr(share) for share in _numbers(step.references_[at])]
    limit = {} if step.subsample is None else {"subsample": int(step.subsample)}
    columns = np.asarray(step.quantiles_)[at].T
    return [{"quantiles": dict(zip(shares, _numbers(some), strict=True)), **limit} for some in columns]


def _discretizer(into: FittedSteps, step: Any, columns: Columns) -> Columns:
    exact = getattr(step, "quantile_method", "linear") in ("linear", "averaged_inverted_cdf")
    if columns is None or step.strategy == "kmeans" or (step.strategy == "quantile" and not exact):
        why = "its columns are not known" if columns is None else "edges of this kind cannot be compared"
        into.leave("KBinsDiscretizer", why)
        return _made(step)
    asked = np.broadcast_to(step.n_bins, len(columns)).tolist()
    limit = {} if step.subsample is None else {"subsample": int(step.subsample)}
    for column, edges, n in zip(columns, step.bin_edges_, asked, strict=True):
        ends: dict[str, Any] = {"min": float(edges[0]), "max": float(edges[-1]), **limit}
        if step.strategy == "quantile" and len(edges) == n + 1:  # edges that fell together were removed
            ends["quantiles"] = {repr(i / n): float(edge) for i, edge in enumerate(edges)}
        into.states(step, column, ends)
    return _made(step)


def _encoder(into: FittedSteps, step: Any, columns: Columns) -> Columns:
    kind = type(step).__name__
    if not isinstance(step.categories, str):
        into.leave(kind, "its categories were given by hand")
    elif columns is None:
        into.leave(kind, "its columns are not known")
    else:
        for column, words in zip(columns, step.categories_, strict=True):
            into.knows("encoder_categories", step, column, np.asarray(words).tolist())
    return _changed(columns) if kind == "OrdinalEncoder" else _made(step)


def _target_encoder(into: FittedSteps, step: Any, columns: Columns) -> Columns:
    if columns is None or step.target_type_ not in ("binary", "continuous"):
        why = "its columns are not known" if columns is None else "means of several classes are not compared"
        into.leave("TargetEncoder", why)
        return _made(step)
    for column, words, means in zip(columns, step.categories_, step.encodings_, strict=True):
        pairs = zip(np.asarray(words).tolist(), _numbers(means), strict=True)
        stated = {word: mean for word, mean in pairs if word is not None and word == word}
        into.knows("target_encodings", step, column, stated)
    return _made(step)


def _vectorizer(into: FittedSteps, step: Any, columns: Columns) -> Columns:
    kind = type(step).__name__
    plain = step.analyzer == "word" and step.token_pattern == _DEFAULT_PATTERN and step.strip_accents is None
    if step.fixed_vocabulary_:
        into.leave(kind, "its vocabulary was given by hand")
    elif not plain or step.tokenizer is not None or step.preprocessor is not None:
        into.leave(kind, "its tokens are made in a way of their own")
    elif columns is None or len(columns) != 1:
        into.leave(kind, "its column is not known")
    else:
        into.knows("vocabularies", step, columns[0], list(step.vocabulary_))
    return [Traced()] * len(step.vocabulary_)


def _selector(into: FittedSteps, step: Any, columns: Columns) -> Columns:
    kind, support = type(step).__name__, step.get_support()
    if columns is None or len(columns) != len(support) or any(column.name is None for column in columns):
        into.leave(kind, "it chose among columns that are made of others")
        return None
    kept = [column for column, keep in zip(columns, support.tolist(), strict=True) if keep]
    if "selected_features" in into.manifest:
        into.leave(kind, "there is more than one selection")
        return kept
    asked = getattr(step, "score_func", None)
    score = getattr(getattr(asked, "func", asked), "__name__", "")  # of a partial, the function inside
    into.manifest["selected_features"] = {
        "method": "variance" if kind == "VarianceThreshold" else _METHODS.get(score, "other"),
        "k": max(len(kept), 1),
        "features": [column.name for column in kept],
        "of": [column.name for column in columns],
    }
    return kept


def _pca(into: FittedSteps, step: Any, columns: Columns) -> Columns:
    if columns is None:
        into.leave("PCA", "its columns are not known")
    elif any(c.name is None or c.is_changed or c.filled_by is not None for c in columns):
        into.leave("PCA", "its columns had been changed before")
    else:
        into.manifest["pca"] = {"columns": [column.name for column in columns], "mean": _numbers(step.mean_)}
    return _made(step)


def _function(into: FittedSteps, step: Any, columns: Columns) -> Columns:
    if step.func is None:  # what a column that is passed through becomes
        return columns
    into.leave("FunctionTransformer", "what its function does is not known")
    return None


_Reader = Callable[[FittedSteps, Any, Columns], Columns]
_COMPOSED: Final[Mapping[str, _Reader]] = {
    "Pipeline": _pipeline,
    "ColumnTransformer": _column_transformer,
    "FeatureUnion": _union,
    "GridSearchCV": _search,
    "RandomizedSearchCV": _search,
}
_READERS: Final[Mapping[str, _Reader]] = {
    "SimpleImputer": _simple_imputer,
    "StandardScaler": _by_column(_standard_scaler),
    "MinMaxScaler": _by_column(_min_max_scaler),
    "MaxAbsScaler": _by_column(_max_abs_scaler),
    "RobustScaler": _by_column(_robust_scaler),
    "QuantileTransformer": _by_column(_quantile_transformer),
    "KBinsDiscretizer": _discretizer,
    "OneHotEncoder": _encoder,
    "OrdinalEncoder": _encoder,
    "TargetEncoder": _target_encoder,
    "CountVectorizer": _vectorizer,
    "TfidfVectorizer": _vectorizer,
    "SelectKBest": _selector,
    "SelectPercentile": _selector,
    "VarianceThreshold": _selector,
    "SelectFromModel": _selector,
    "PCA": _pca,
    "FunctionTransformer": _function,
}
