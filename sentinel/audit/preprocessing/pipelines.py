"""Fitted scikit-learn pipelines: read without running what a file brings along, and put into the manifest's form."""

from __future__ import annotations

import importlib
import pickle
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from sentinel.audit.preprocessing.fitted_steps import FittedSteps, Traced
from sentinel.errors import BaselineError

NOT_READ: Final = "pipeline_not_read"
"""Key of the manifest under which steps stand that could not be compared."""
TRUSTED: Final = frozenset(
    {
        "numpy.dtype",
        *(
            f"sklearn.feature_selection.{name}"
            for name in (
                "_univariate_selection.f_classif",
                "_univariate_selection.f_regression",
                "_univariate_selection.r_regression",
                "_univariate_selection.chi2",
                "_mutual_info.mutual_info_classif",
                "_mutual_info.mutual_info_regression",
            )
        ),
    }
)
"""Types that skops does not trust by itself and that do nothing when they are loaded: functions of scikit-learn that
are only named, and the type of an array."""
_PICKLES: Final = (".joblib", ".pkl", ".pickle")
_DAMAGE: Final = (
    OSError,
    EOFError,
    ImportError,
    AttributeError,
    KeyError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
    zipfile.BadZipFile,
)
_BY_FEATURE: Final = ("fit_statistics", "encoder_categories", "vocabularies", "target_encodings")


def read_pipeline(path: Path, *, unpickle: bool = False) -> Any:
    """Load a fitted pipeline.

    Parameters
    ----------
    path : Path
        ``.skops`` is loaded if all its types are trusted: scikit-learn's and numpy's. ``.joblib``, ``.pkl`` and
        ``.pickle`` can run any code when they are read.
    unpickle : bool
        Read them all the same.

    Raises
    ------
    BaselineError
        If the file cannot be read, is of another kind, holds types that are not trusted (which it names), is a pickle
        and ``unpickle`` is not set, or the extra is missing.
    """
    suffix = path.suffix.lower()
    try:
        if suffix == ".skops":
            return _from_skops(path)
        if suffix not in _PICKLES:
            raise BaselineError(f"{path}: a fitted pipeline is a file .skops, .joblib or .pkl")
        if not unpickle:
            raise BaselineError(
                f"{path}: a pickle can run any code when it is read. Store the pipeline with skops.io.dump; or, if "
                "you trust whoever wrote the file, give --unpickle-pipeline"
            )
        return _module("joblib").load(path)
    except _DAMAGE as error:
        raise BaselineError(f"{path}: cannot read the pipeline: {type(error).__name__}") from error


def _from_skops(path: Path) -> Any:
    skops = _module("skops.io")
    unknown = sorted(skops.get_untrusted_types(file=path))
    refused = [name for name in unknown if name not in TRUSTED]
    if refused:
        raise BaselineError(
            f"{path}: the pipeline holds types that are not trusted, so it is not loaded: {', '.join(refused[:10])}. "
            "State what it was fitted to in the manifest, or leave these steps out"
        )
    return skops.load(path, trusted=unknown)


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise BaselineError(f"a fitted pipeline is read with {name}: pip install 'sentinel-leakage[audit]'") from error


def manifest_of(pipeline: Any, columns: Sequence[str] = ()) -> dict[str, Any]:
    """Put what a fitted pipeline holds into the manifest's form.

    Parameters
    ----------
    pipeline : fitted estimator
        A transformer, a `Pipeline`, a `ColumnTransformer`, a union or a search of these.
    columns : sequence of str
        Of the rows that it was fitted to, in order; where it keeps their names itself, these count.

    Returns
    -------
    dict
        ``fit_statistics``, ``encoder_categories``, ``vocabularies``, ``target_encodings``, ``selected_features`` and
        ``pca``, each where there is something; under ``pipeline_not_read`` the steps that cannot be compared, and why.

    Notes
    -----
    A column is followed by its name through steps that hand each column on. Statistics taken after missing values
    were replaced state by what (``imputed``), so that they can be compared all the same; those taken of values that
    another step had changed cannot.
    """
    names = [str(name) for name in getattr(pipeline, "feature_names_in_", columns)]
    n = getattr(pipeline, "n_features_in_", len(names))
    steps = FittedSteps()
    steps.walk(pipeline, [Traced(name) for name in names] if names and len(names) == n else None)
    return steps.manifest | ({NOT_READ: steps.unread} if steps.unread else {})


def not_read(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Steps of the pipeline that cannot be compared, and why."""
    return tuple(manifest.get(NOT_READ) or ())


def with_pipeline(
    stated: Mapping[str, Any], pipeline: Any, columns: Sequence[str], folder: Path, *, unpickle: bool = False
) -> dict[str, Any]:
    """A manifest with what a fitted pipeline holds; where both speak of a feature, what was stated wins.

    Parameters
    ----------
    stated : mapping
        Its ``fitted_pipeline`` is read where no pipeline is given.
    pipeline : path, fitted estimator, or None
    columns : sequence of str
        Features of the files, in order, for a pipeline that does not keep the names.
    folder : Path
        A path in the manifest is relative to it.
    unpickle : bool

    Raises
    ------
    BaselineError
        As `read_pipeline` does.
    """
    if pipeline is None and stated.get("fitted_pipeline") is not None:
        pipeline = folder / str(stated["fitted_pipeline"])
    if pipeline is None:
        return dict(stated)
    is_file = isinstance(pipeline, str | Path)
    fitted = read_pipeline(Path(pipeline), unpickle=unpickle) if is_file else pipeline
    read = manifest_of(fitted, columns)
    return read | dict(stated) | {key: {**read[key], **(stated.get(key) or {})} for key in _BY_FEATURE if key in read}
