"""What a check is: started with what is known of both files, shown every row, and asked once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol, Self

import numpy as np
import pandas as pd

from sentinel.audit.files.columns import AuditColumns
from sentinel.audit.files.rows import AuditRows
from sentinel.audit.findings import CheckResult
from sentinel.audit.memo import Memo
from sentinel.config.model import Model
from sentinel.events.batch import F64

ScoreWith = Callable[[pd.DataFrame], Any]
"""The model: rows as they stand in the file, in; one score a row out."""
FitWith = Callable[[pd.DataFrame, pd.DataFrame], Any]
"""A fit from scratch: training rows (with outcomes) and rows to score (without), in; one score a row to score out."""

SEED: Final = 20_261_121
"""Of every random choice of an audit: the same rows give the same report."""


def _quiet(_: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Context:
    """All that a check may look at before the rows come by.

    Parameters
    ----------
    model : Model
    columns : AuditColumns
    manifest : mapping
        As `sentinel.audit.files.manifest` reads it; empty where there is none.
    n_train, n_validation : int
        Rows of the files; ``n_train`` is 0 where there is no training file.
    train, validation : AuditRows
        Samples, uniform and without replacement, in file order; all rows where the file has no more than
        ``model.audit.sample_rows``. ``train`` is None where there is no file.
    classes : tuple of str
        Of a multiclass task.
    folder : Path
        Paths in the files are relative to it.
    score_with, fit_with : callable or None
    seed : int
        Of every random choice.
    tell : callable
        Told in a few words what takes long, before it begins: names of columns, and no values.
    memo : Memo
        Shared by the checks of one audit; what it knows is of these samples.
    """

    model: Model
    columns: AuditColumns
    manifest: Mapping[str, Any]
    n_train: int
    n_validation: int
    train: AuditRows | None
    validation: AuditRows
    classes: tuple[str, ...] = ()
    folder: Path = field(default_factory=Path)
    score_with: ScoreWith | None = None
    fit_with: FitWith | None = None
    seed: int = SEED
    tell: Callable[[str], None] = _quiet
    memo: Memo = field(default_factory=Memo, repr=False, compare=False)

    def generator(self, name: str) -> np.random.Generator:
        """Random numbers of one check: the same at each run, other than another check's."""
        return np.random.default_rng([self.seed, *name.encode()])

    @property
    def n_classes(self) -> int:
        """Of the outcome: 2 for binary, 0 where it is a number."""
        return {"binary": 2, "multiclass": len(self.classes)}.get(self.model.task, 0)


class Check(Protocol):
    """Sees all training rows, then all validation rows, in batches of any size and in any order.

    On a cluster each worker shows its rows to a copy (by pickle) and the copies are added up: first what they saw of
    the training rows, then, each having all of that, what they saw of the validation rows. The result must not depend
    on how rows were parted. A check holds what it needs in memory that does not grow with the rows, but for at most 16
    bytes for each training row.
    """

    def train(self, rows: AuditRows) -> None:
        """Take in some training rows."""

    def add_train(self, other: Self) -> None:
        """Take in what another copy saw of the training rows; called before any validation row."""

    def validation(self, rows: AuditRows) -> None:
        """Take in some validation rows."""

    def add_validation(self, other: Self) -> None:
        """Take in what another copy saw of the validation rows, and nothing else of it."""

    def result(self) -> CheckResult:
        """Say what was found; called once, after all rows."""


class Started(Protocol):
    """A module of ``sentinel.audit.checks``."""

    NAME: str
    """Its name in reports, in snake case."""
    TITLE: str
    """What it looks for, in a few words."""

    @staticmethod
    def start(context: Context) -> Check | CheckResult:
        """Make the check, or its result at once, where it needs no more than the samples or cannot be made."""


def as_numbers(given: Any) -> F64:
    """What a callable returned, as numbers.

    Raises
    ------
    ValueError
        If it is something else; the message quotes nothing of it, as it may be values of the rows.
    """
    try:
        return np.asarray(given, np.float64)
    except (ValueError, TypeError) as error:
        raise ValueError(f"it returned no numbers, but a {type(given).__name__} of something else") from error


def as_scores(given: Any, n: int) -> F64:
    """What a callable returned, as one number a row.

    Raises
    ------
    ValueError
        If it has another shape, or holds what is no finite number.
    """
    scores = as_numbers(given)
    if scores.shape != (n,):
        raise ValueError(f"it returned an array of shape {scores.shape} for {n} rows; one score a row is wanted")
    if not np.isfinite(scores).all():
        raise ValueError(f"{int((~np.isfinite(scores)).sum())} of the {n} scores it returned are not finite")
    return scores


def as_class_scores(given: Any, n: int, n_classes: int) -> F64:
    """What a callable returned, as one number of each class a row: shape (n, n_classes).

    Raises
    ------
    ValueError
        If it has another shape, or holds what is no finite number.
    """
    scores = as_numbers(given)
    if scores.shape != (n, n_classes):
        raise ValueError(
            f"it returned an array of shape {scores.shape} for {n} rows of {n_classes} classes; one probability of "
            "each class a row is wanted"
        )
    as_scores(scores.sum(axis=1), n)
    return scores
