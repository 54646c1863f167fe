"""The offline side: a baseline from the rows of a notebook, saved, loaded and shown."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from sentinel.api import frames
from sentinel.api.inspection import PREDICTION, inspect, outcome_part, repeated_ids, warn
from sentinel.api.progress import Progress, by_steps
from sentinel.api.rows import Given, as_rows
from sentinel.api.settings import (
    chosen_settings,
    manifest_of,
    of_config,
    refuse_beside_config,
    settings_of,
    with_settings,
)
from sentinel.api.text import Text
from sentinel.baseline import artifact, show
from sentinel.baseline import build as builder
from sentinel.clock import SystemClock
from sentinel.config.model import Model
from sentinel.config.slices import SliceBins
from sentinel.events.schema import Task

if TYPE_CHECKING:
    from sentinel.baseline.repairs import Rescore


@dataclass(frozen=True, slots=True, repr=False)
class Baseline:
    """What offline validation promised, and the settings that live rows are held against it with.

    Attributes
    ----------
    artifact : sentinel.baseline.artifact.Baseline
        The counts and everything stated of them: what `save` writes.
    settings : sentinel.config.model.Model
        As a configuration file would hold them. They are not saved with the baseline.
    """

    artifact: artifact.Baseline
    settings: Model

    @property
    def digest(self) -> str:
        """SHA-256 of the saved bytes, in hex: names this very baseline."""
        return self.artifact.digest

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file that `sentinel replay` and the daemon read, whole or not at all.

        Raises
        ------
        BaselineError
            If it cannot be written; an older file of the name is then still there.
        """
        self.artifact.save(path)

    def show(self) -> Text:
        """What it promises and what speaks against it, as `sentinel baseline show` prints it."""
        return Text("\n".join(show.lines(self.artifact, self.settings.alerts)))

    def estimates_frame(self) -> pd.DataFrame:
        """Each metric of each slice with its 95 % interval; NaN where there is not enough data, and why."""
        return frames.estimates(self.artifact.meta.estimates)

    def checks_frame(self) -> pd.DataFrame:
        """What whoever relies on the estimate has to know, the worst first."""
        return frames.checks(self.artifact.meta.checks)

    def __repr__(self) -> str:
        meta = self.artifact.meta
        return f"Baseline({meta.model!r}, {meta.version!r}, {meta.task}, {meta.n_rows:,} rows, {self.digest[:12]})"


def build_baseline(
    validation: Given,
    train: Given | None = None,
    *,
    model: str | None = None,
    version: str | None = None,
    task: Task = "binary",
    slices: Sequence[str | Sequence[str] | Mapping[str, Any] | SliceBins] | None = None,
    columns: Mapping[str, str] | None = None,
    features: Mapping[str, Mapping[str, Any]] | None = None,
    alerts: Mapping[str, Any] | None = None,
    manifest: Mapping[str, Any] | str | os.PathLike[str] | None = None,
    predict: Rescore | None = None,
    config: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    audit: bool = True,
    **settings: Any,
) -> Baseline:
    """Build the offline estimate that live rows are held against.

    Parameters
    ----------
    validation : DataFrame, Arrow table, or path
        Scored rows with their outcomes, as offline evaluation saw them: ``prediction_id``, ``predicted_at``, ``score``,
        ``outcome``, and where they are known ``outcome_at`` and ``group``. Every other column is a feature. Times
        without a zone are taken as UTC, with a `DataWarning`. The index is not read, unless it has the name of one
        of these columns.
    train : DataFrame, Arrow table, or path, optional
        The rows that the model was trained on; no score is needed. With them overlaps are found.
    model, version : str, optional
        Names of the model, as its events carry them: ``"model"`` and ``"1"`` by default.
    task : "binary", "multiclass", "regression" or "ranking"
    slices : sequence, optional
        Where to look apart: ``"region"``, ``{"column": "age", "bins": [25, 40, 60]}``, or a cross
        ``["region", "plan"]``.
    columns : mapping, optional
        The column that plays a part, where it has another name: ``{"score": "p_churn"}``.
    features : mapping, optional
        What is known of single features: ``{"balance": {"available": "after_outcome"}}``.
    alerts : mapping, optional
        When a gap is worth an alert; for `replay`.
    manifest : mapping or path, optional
        How the rows were split: ``{"split": {"protocol": "random"}, "candidates": 20}``.
    predict : callable, optional
        The model: takes rows as a DataFrame, returns one score each. Scores the rows again with each feature that has
        a serving default at that value.
    config : path, optional
        Take all settings from this configuration file; then only ``model`` and ``version`` may be given beside it.
    progress : callable, optional
        Told how much is done, 0 to 1.
    audit : bool
        Whether to audit the rows as well, where training rows are given: verdicts can then cite what it found.
    **settings
        Anything else that a configuration holds of a model: ``threshold``, ``outcome``, ``panes``, ``ranks``, ...

    Returns
    -------
    Baseline

    Raises
    ------
    FatalError
        If the rows or the settings cannot be used; the message names the column and the mend.

    Warns
    -----
    DataWarning
        Of what was assumed, and of what the rows cannot tell.
    """
    own = {"slices": slices, "columns": columns, "features": features, "alerts": alerts, **settings}
    chosen = chosen_settings(config, model, version, task, own)
    roles = chosen.columns.roles(chosen.task).values()
    rows = as_rows(validation, "validation", set(roles))
    trained = None if train is None else as_rows(train, "training", set(roles))
    if isinstance(rows, pa.Table):
        parts = (*PREDICTION[chosen.task], outcome_part(chosen.task))
        notes = inspect(rows, "validation", chosen.columns, chosen.task, parts)
        notes += repeated_ids(
            rows, "validation", chosen.columns.prediction_id, "each counts as a prediction of its own"
        )
        warn(notes)
    built = builder.build_baseline(
        chosen,
        rows,
        trained,
        manifest_of(manifest),
        now_us=SystemClock().now_us(),
        rescore=predict,
        progress=by_steps(progress),
        audit=audit,
    )
    warn(_refused(built.meta))
    return Baseline(built, chosen)


def load_baseline(
    path: str | os.PathLike[str],
    *,
    columns: Mapping[str, str] | None = None,
    alerts: Mapping[str, Any] | None = None,
    config: str | os.PathLike[str] | None = None,
    **settings: Any,
) -> Baseline:
    """Read a baseline that was saved here or by `sentinel baseline build`.

    Parameters
    ----------
    path : path
    columns, alerts : mapping, optional
        As of `build_baseline`: the file holds counts, not how columns are called, when to alert, or how outcomes
        arrive. What was not the default there is given again here, such as ``outcome={"absence": "negative"}``.
    config : path, optional
        Take them from this configuration file instead.
    **settings
        Anything else that a configuration holds of a model, but for what the baseline fixes.

    Raises
    ------
    FatalError
        If the file cannot be read or is not what was written, or a setting is wrong.
    """
    read = artifact.Baseline.load(path)
    meta = read.meta
    own = {"columns": columns, "alerts": alerts, **settings}
    if config is not None:
        refuse_beside_config(own)
        return Baseline(read, of_config(config, meta.model, meta.version))
    return Baseline(read, with_settings(settings_of(meta.model, meta.version, {"task": meta.task}), own))


def _refused(meta: artifact.BaselineMeta) -> list[str]:
    if not meta.n_rejected:
        return []
    reasons = ", ".join(f"{reason} {n:,}" for reason, n in meta.n_rejected.items())
    return [f"validation rows were refused and are not counted: {reasons}"]


def given_baseline(baseline: Baseline | str | os.PathLike[str]) -> Baseline:
    """A baseline, loaded where a path was given."""
    return baseline if isinstance(baseline, Baseline) else load_baseline(Path(baseline))
