"""The audit itself: a sample of both files, one pass over each, and every check asked."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from sentinel import __version__
from sentinel.audit.check import SEED, Context, FitWith, ScoreWith, Started
from sentinel.audit.checklist import checklist
from sentinel.audit.checks import all_checks
from sentinel.audit.engine import Engine, LocalEngine, Tell
from sentinel.audit.estimates.fitting import told
from sentinel.audit.estimates.inflation import InflationTally, scoring
from sentinel.audit.estimates.splits import propose_splits
from sentinel.audit.files.columns import plan_columns
from sentinel.audit.files.lacking import check_named, lacking
from sentinel.audit.files.manifest import read_manifest
from sentinel.audit.files.reading import TableFile, held_table, open_table
from sentinel.audit.files.rows import RowDecoder
from sentinel.audit.findings import AuditReport, Interval, Side
from sentinel.audit.folds import PassFold, Running, SampleFold
from sentinel.audit.preprocessing.pipelines import with_pipeline
from sentinel.config.model import Model
from sentinel.config.times import rfc3339
from sentinel.errors import BaselineError
from sentinel.events.batch import I64
from sentinel.events.codecs.arrow_columns import class_names
from sentinel.events.hash_key import HashKey
from sentinel.stats.estimate import NotEnough

BATCH_ROWS: Final = 1 << 15
"""Rows decoded and shown to every check at once: they bound the memory, and change no result."""


@dataclass(frozen=True, slots=True)
class Given:
    """What an audit is made of.

    Parameters
    ----------
    model : Model
    validation : Path or Table
        Scored rows with their outcomes; without scores, no inflation is estimated.
    train : Path or Table, optional
    manifest : Path or mapping, optional
    pipeline : Path or fitted scikit-learn estimator, optional
        What it was fitted to counts as stated; where the manifest speaks of the same feature, the manifest wins.
    unpickle_pipeline : bool
        Read it even from a pickle, which can run any code.
    score_with, fit_with : callable, optional
        The model, and a fit from scratch: see `sentinel.audit.check`.
    hash_key : HashKey, optional
        Goes into hashes of entities.
    """

    model: Model
    validation: Path | pa.Table
    train: Path | pa.Table | None = None
    manifest: Path | Mapping[str, Any] | None = None
    pipeline: Any = None
    unpickle_pipeline: bool = False
    score_with: ScoreWith | None = None
    fit_with: FitWith | None = None
    hash_key: HashKey | None = None


def audit(
    given: Given,
    *,
    now_us: int,
    progress: Tell | None = None,
    batch_rows: int = BATCH_ROWS,
    checks: Sequence[Started] | None = None,
    engine: Engine | None = None,
    propose: bool = False,
) -> AuditReport:
    """Run every check over the files, each read twice, or once where its sample is complete, in bounded memory.

    Parameters
    ----------
    given : Given
    now_us : int, microseconds since the epoch
        Goes into the report.
    progress : callable, optional
        Told (rows done, rows in all, name of the phase).
    batch_rows : int, > 0
        Rows held at once; changes nothing else.
    checks : sequence of modules, optional
        All of them by default.
    engine : Engine, optional
        Who reads the files: this process by default. Changes nothing but where the work is done.
    propose : bool
        Whether to propose other splits, each measured where ``fit_with`` is given.

    Returns
    -------
    AuditReport

    Raises
    ------
    BaselineError
        If a file or the manifest cannot be read, or the validation file has neither outcomes nor features, or not the
        outcome or the score that the configuration names.
    FatalError
        If splits are to be proposed and scikit-learn is not installed.
    """
    began = time.monotonic()
    tell = progress or _quiet
    validation = _opened(given.validation, "validation", given.model, batch_rows)
    train = None if given.train is None else _opened(given.train, "train", given.model, batch_rows)
    check_named(given.model, validation.schema.names, validation.path)
    stated = _stated(given, validation)
    by = engine or LocalEngine()
    context, decoder = _context(given, validation, train, stated, by, tell)
    running = [Running(module.start, context) for module in (all_checks() if checks is None else checks)]
    how = scoring(context)
    tally = how if isinstance(how, NotEnough) else InflationTally(how)
    counted = None if isinstance(tally, NotEnough) else tally
    seen_train = None if train is None else _show(train, PassFold("train", decoder, running), context, by, tell)
    seen = _show(validation, PassFold("validation", decoder, running, counted), context, by, tell)
    results = [check.result() for check in running]
    offline = tally if isinstance(tally, NotEnough) else tally.stated()
    splits = propose_splits(context) if propose else ()
    return AuditReport(
        model=given.model.name,
        version=given.model.version,
        task=given.model.task,
        created_at=rfc3339(now_us),
        generated_by=f"sentinel {__version__}",
        train=seen_train,
        validation=seen,
        metric=None if counted is None else counted.metric,
        offline=offline if isinstance(offline, Interval) else None,
        checks=tuple(sorted(results, key=lambda result: result.name)),
        splits=splits,
        notes=tuple(lacking(given.model, validation.schema.names)),
        checklist=checklist(results, offline, splits),
        ignored=dict(context.columns.ignored),
        elapsed_seconds=time.monotonic() - began,
    )


def _quiet(done: int, total: int, phase: str) -> None:
    pass


def _stated(given: Given, validation: TableFile) -> dict[str, Any]:
    """The manifest, and what a fitted pipeline adds to it."""
    if isinstance(given.manifest, Path):
        stated, folder = read_manifest(given.manifest), given.manifest.parent
    else:
        stated, folder = dict(given.manifest or {}), Path()
    roles = set(given.model.columns.roles(given.model.task).values())
    features = [name for name in validation.schema.names if name not in roles]
    return with_pipeline(stated, given.pipeline, features, folder, unpickle=given.unpickle_pipeline)


def _opened(given: Path | pa.Table, name: str, model: Model, batch_rows: int) -> TableFile:
    if isinstance(given, pa.Table):
        return held_table(given, name, batch_rows=batch_rows)
    text = (model.columns.prediction_id, model.columns.group)
    return open_table(given, batch_rows=batch_rows, text=text)


def _context(
    given: Given,
    validation: TableFile,
    train: TableFile | None,
    stated: Mapping[str, Any],
    engine: Engine,
    tell: Tell,
) -> tuple[Context, RowDecoder]:
    model = given.model
    sampled = _sample(validation, model.audit.sample_rows, engine, tell)
    sampled_train = None if train is None else _sample(train, model.audit.sample_rows, engine, tell)
    columns = plan_columns(
        model,
        None if train is None else train.schema,
        validation.schema,
        sampled[0],
        None if sampled_train is None else sampled_train[0],
    )
    if not columns.features and columns.outcome is None:
        raise BaselineError(f"{validation.path}: has neither a feature nor the column {model.columns.outcome!r}")
    classes = class_names(validation.schema, model.columns.scores) if model.task == "multiclass" else ()
    decoder = RowDecoder(model, columns, classes, given.hash_key)
    context = Context(
        model=model,
        columns=columns,
        manifest=stated,
        n_train=0 if train is None else train.n_rows,
        n_validation=validation.n_rows,
        train=None if sampled_train is None else decoder.decode(sampled_train[0], "train", sampled_train[1]),
        validation=decoder.decode(sampled[0], "validation", sampled[1]),
        classes=classes,
        folder=given.validation.parent if isinstance(given.validation, Path) else Path(),
        score_with=given.score_with,
        fit_with=None if given.fit_with is None else told(given.fit_with, model, columns, classes),
        seed=SEED,
        tell=lambda phase: tell(0, 1, phase),
    )
    return context, decoder


def _sample(file: TableFile, size: int, engine: Engine, tell: Tell) -> tuple[pa.Table, I64]:
    """A uniform sample of rows without replacement, in file order, and their numbers."""
    if file.n_rows <= size:
        chosen = np.arange(file.n_rows)
    else:
        chosen = np.sort(np.random.default_rng(SEED).choice(file.n_rows, size, replace=False))
    sample = SampleFold(chosen)
    engine.run(file, file.schema.names, sample, tell, f"sampling {file.path.name}")
    return sample.take(), chosen


def _show(file: TableFile, fold: PassFold, context: Context, engine: Engine, tell: Tell) -> Side:
    """Show all rows of a file to every check; those of a complete sample have been read and decoded."""
    held = context.train if fold.side == "train" else context.validation
    if held is not None and len(held) == file.n_rows:
        for start in range(0, file.n_rows, file.batch_rows):
            fold.show(held.part(start, min(start + file.batch_rows, file.n_rows)))
            tell(min(start + file.batch_rows, file.n_rows), file.n_rows, f"checking {file.path.name}")
        return fold.seen.side()
    wanted = [name for name in file.schema.names if name not in context.columns.ignored]
    engine.run(file, wanted, fold, tell, f"checking {file.path.name}")
    return fold.seen.side()
