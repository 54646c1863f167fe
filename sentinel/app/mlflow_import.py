"""From a run of MLflow to the manifest of its split, and to the rows that it logged."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from sentinel.app.mlflow_runs import LoggedRows, LoggedRun, Runs
from sentinel.audit.files.manifest import parse_manifest, read_manifest
from sentinel.audit.files.reading import open_table
from sentinel.errors import FatalError

SIDES: Final = ("train", "validation")
MANIFESTS: Final = ("manifest.yaml", "manifest.yml", "manifest.json")
SUFFIXES: Final = (".parquet", ".csv", ".csv.gz")
TAGS: Final = ("split", "train", "go_live", "candidates", "candidates_correlation", "oversampling")
"""Keys of a manifest that a run may state as tags: ``sentinel.split.protocol`` and so on."""
NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "auc": ("auc", "roc_auc", "auroc", "roc_auc_score"),
    "rmse": ("rmse", "root_mean_squared_error"),
    "accuracy": ("accuracy", "accuracy_score", "acc"),
}
"""What training code calls the metric of a task; ``val_`` or ``validation_`` may stand before it, or ``eval_``."""
PREFIXES: Final = ("validation_", "val_", "eval_")
CONTEXTS: Final[Mapping[str, tuple[str, ...]]] = {
    "train": ("train", "training"),
    "validation": ("validation", "val", "eval", "evaluation", "test"),
}
MOST_ROWS: Final = 2_000_000
"""Rows up to which a digest is computed anew: MLflow's needs all of them in memory."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a run.

    Parameters
    ----------
    manifest : Path
    rows : mapping of side to Path
        Files of rows: fetched, or as given.
    notes : tuple of str
        What was taken over, what agrees, what does not, and what cannot be told.
    differs : bool
        Whether a file is not the one that the run read.
    """

    manifest: Path
    rows: Mapping[str, Path]
    notes: tuple[str, ...]
    differs: bool


def import_run(runs: Runs, run_id: str, folder: Path, given: Mapping[str, Path | None] | None = None) -> Imported:
    """Write the manifest of a run into a folder, and beside it the rows that it logged as artifacts.

    Parameters
    ----------
    runs : Runs
    run_id : str
    folder : Path
        Made where it is not there.
    given : mapping of side to Path
        Files at hand, in the place of artifacts; their digests are compared with those that the run logged.

    Raises
    ------
    FatalError
        If the run cannot be read, or the folder not be written.
    BaselineError
        If what it states of the split is not what a manifest may hold.
    """
    run = runs.read(run_id)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FatalError(f"{folder}: cannot be made: {error.strerror or error}") from error
    rows = {side: path for side, path in (given or {}).items() if path is not None}
    for side in SIDES:
        artifact = _only(run.artifacts, [f"{side}{suffix}" for suffix in SUFFIXES])
        if side not in rows and artifact is not None:
            rows[side] = runs.fetch(run_id, artifact, folder)
    logged = _only(run.artifacts, MANIFESTS)
    stated = {} if logged is None else read_manifest(runs.fetch(run_id, logged, folder))
    manifest = manifest_of(run, stated)
    path = folder / "manifest.yaml"
    path.write_text(yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True), encoding="utf-8")
    compared = [_compare(side, file, run.rows) for side, file in rows.items()]
    taken = [f"{key} from the run" for key in manifest if key not in stated and key != "mlflow"]
    missing = [f"no {side} rows: the run logged no {side}.parquet" for side in SIDES if side not in rows]
    notes = (*taken, *missing, *(note for note, _ in compared))
    return Imported(path, rows, notes, any(differs for _, differs in compared))


def manifest_of(run: LoggedRun, stated: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest: what the run's own states, then its tags, then what else it logged; the first to speak is heard.

    Raises
    ------
    BaselineError
        If a tag is not what a manifest may hold.
    """
    manifest = dict(stated)
    for key, value in _tagged(run.tags).items():
        manifest.setdefault(key, value)
    if "candidates" not in manifest and run.n_siblings > 1:
        manifest["candidates"] = run.n_siblings
    measured = stated_metrics(run.metrics)
    if measured:
        manifest.setdefault("stated_metrics", measured)
    manifest["mlflow"] = {
        "run_id": run.id,
        "datasets": [
            {"name": one.name, "context": one.context, "digest": one.digest, "rows": one.n_rows} for one in run.rows
        ],
    }
    text = yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True)
    return parse_manifest(text, f"run {run.id}")


def stated_metrics(metrics: Mapping[str, float]) -> dict[str, float]:
    """The metrics of the validation rows that an audit can measure too, under our names.

    A name that says so goes before one that does not.

    Examples
    --------
    >>> stated_metrics({"val_roc_auc": 0.91, "auc": 0.99, "train_auc": 1.0, "loss": 0.2})
    {'auc': 0.91}
    """
    found: dict[str, float] = {}
    lowered = {name.lower(): value for name, value in metrics.items()}
    for ours, names in NAMES.items():
        wanted = [f"{prefix}{name}" for prefix in (*PREFIXES, "") for name in names]
        value = next((lowered[name] for name in wanted if name in lowered), None)
        if value is not None:
            found[ours] = float(value)
    return found


def _tagged(tags: Mapping[str, str]) -> dict[str, Any]:
    """Tags such as ``sentinel.split.protocol: time`` as the keys they stand for."""
    found: dict[str, Any] = {}
    for name, text in sorted(tags.items()):
        first, *keys = name.split(".")
        if first != "sentinel" or not keys or keys[0] not in TAGS:
            continue
        value = _number(text) if keys[0].startswith("candidates") or keys[-1] in ("seed", "rows") else text
        inner = found
        for key in keys[:-1]:
            inner = inner.setdefault(key, {})
            if not isinstance(inner, dict):
                raise FatalError(
                    f"MLflow: the tag {name} stands beside a tag that holds a value for a part of its name"
                )
        inner[keys[-1]] = value
    return found


def _number(text: str) -> Any:
    """What is a number, as one; what is none is left for the manifest's own rules to refuse."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text


def _only(artifacts: Iterable[str], names: Iterable[str]) -> str | None:
    """The artifact of one of these names, the first name first; of several the one nearest to the root."""
    by_name: dict[str, list[str]] = {}
    for path in artifacts:
        by_name.setdefault(Path(path).name, []).append(path)
    found = next((by_name[name] for name in names if name in by_name), [])
    return min(found, key=lambda path: (path.count("/"), path), default=None)


def _compare(side: str, path: Path, logged: Iterable[LoggedRows]) -> tuple[str, bool]:
    """What there is to say of a file beside the dataset that the run logged for this side; whether they differ."""
    ours = [one for one in logged if one.context.lower() in CONTEXTS[side]]
    if not ours:
        return (
            f"{side} rows: the run logged no dataset in the context {side!r}, so nothing says they are its own",
            False,
        )
    file = open_table(path)
    told = [one.n_rows for one in ours if one.n_rows is not None]
    if told and file.n_rows not in told:
        return f"{side} rows: {file.n_rows:,} here, {told[0]:,} in the run: they are not the rows that it read", True
    if file.n_rows > MOST_ROWS:
        return f"{side} rows: as many as in the run; too many to compute MLflow's digest again", False
    if digest_of(path) in {one.digest for one in ours}:
        return f"{side} rows: the digest is that of the run", False
    return f"{side} rows: another digest than the run's ({ours[0].digest}), which may be of other columns", False


def digest_of(path: Path) -> str:
    """The digest that ``mlflow.data.from_pandas`` gives these rows.

    It is of the first ten thousand rows' numbers and texts, the number of rows, and the names of the columns.
    """
    import pandas as pd
    from mlflow.data.digest_utils import compute_pandas_digest

    frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's way of asking pandas, which is going out of use
        return str(compute_pandas_digest(frame))
