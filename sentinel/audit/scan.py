"""The audit itself: a sample of both files, one pass over each, and every check asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa

from sentinel import __version__
from sentinel.audit.check import Check, Context, FitWith, ScoreWith, Started
from sentinel.audit.checks import all_checks
from sentinel.audit.columns import plan_columns
from sentinel.audit.findings import AuditReport, CheckResult, Interval, Side
from sentinel.audit.inflation import InflationTally, scoring
from sentinel.audit.manifest import read_manifest
from sentinel.audit.reading import TableFile, held_table, open_table
from sentinel.audit.rows import AuditRows, RowDecoder, SideName
from sentinel.config.model import Model
from sentinel.config.times import rfc3339
from sentinel.errors import BaselineError
from sentinel.events.batch import I64
from sentinel.events.codecs.arrow_columns import class_names
from sentinel.events.hash_key import HashKey
from sentinel.events.times import BAD_TIME
from sentinel.stats.estimate import NotEnough

Progress = Callable[[int, int, str], None]
BATCH_ROWS: Final = 1 << 15
_SEED: Final = 20_261_121


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
    score_with, fit_with : callable, optional
        The model, and a fit from scratch: see `sentinel.audit.check`.
    hash_key : HashKey, optional
        Goes into hashes of entities.
    """

    model: Model
    validation: Path | pa.Table
    train: Path | pa.Table | None = None
    manifest: Path | Mapping[str, Any] | None = None
    score_with: ScoreWith | None = None
    fit_with: FitWith | None = None
    hash_key: HashKey | None = None


def audit(
    given: Given,
    *,
    now_us: int,
    progress: Progress | None = None,
    batch_rows: int = BATCH_ROWS,
    checks: Sequence[Started] | None = None,
) -> AuditReport:
    """Run every check over the files, each read twice, in bounded memory.

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

    Raises
    ------
    BaselineError
        If a file or the manifest cannot be read, or the validation file has neither outcomes nor features.
    """
    began = time.monotonic()
    tell = progress or _quiet
    validation = _opened(given.validation, "validation", given.model, batch_rows)
    train = None if given.train is None else _opened(given.train, "train", given.model, batch_rows)
    stated = read_manifest(given.manifest) if isinstance(given.manifest, Path) else dict(given.manifest or {})
    context, decoder = _context(given, validation, train, stated, tell)
    running = [_Running(module.start, context) for module in (all_checks() if checks is None else checks)]
    sides = {"train": _SideTally(), "validation": _SideTally()}
    how = scoring(context)
    tally = None if isinstance(how, NotEnough) else InflationTally(how)
    if train is not None:
        for rows in _rows(train, "train", decoder, tell):
            sides["train"].add(rows)
            for check in running:
                check.show(rows)
    for rows in _rows(validation, "validation", decoder, tell):
        sides["validation"].add(rows)
        if tally is not None:
            tally.add(rows, np.zeros(len(rows), np.bool_))
        for check in running:
            check.show(rows)
    results = [check.result() for check in running]
    offline = None if tally is None else tally.stated()
    return AuditReport(
        model=given.model.name,
        version=given.model.version,
        task=given.model.task,
        created_at=rfc3339(now_us),
        generated_by=f"sentinel {__version__}",
        train=None if train is None else sides["train"].side(),
        validation=sides["validation"].side(),
        metric=None if tally is None else tally.metric,
        offline=offline if isinstance(offline, Interval) else None,
        checks=tuple(sorted(results, key=lambda result: result.name)),
        ignored=dict(context.columns.ignored),
        elapsed_seconds=time.monotonic() - began,
    )


class _Running:
    """A check under way, and how long it has taken."""

    def __init__(self, start: Callable[[Context], Check | CheckResult], context: Context) -> None:
        begun = time.monotonic()
        self._check = start(context)
        self._seconds = time.monotonic() - begun

    def show(self, rows: AuditRows) -> None:
        """Some rows of either file, unless its result stands already."""
        if isinstance(self._check, CheckResult):
            return
        begun = time.monotonic()
        (self._check.train if rows.side == "train" else self._check.validation)(rows)
        self._seconds += time.monotonic() - begun

    def result(self) -> CheckResult:
        begun = time.monotonic()
        result = self._check if isinstance(self._check, CheckResult) else self._check.result()
        return msgspec.structs.replace(result, seconds=round(self._seconds + time.monotonic() - begun, 3))


def _quiet(done: int, total: int, phase: str) -> None:
    pass


def _opened(given: Path | pa.Table, name: str, model: Model, batch_rows: int) -> TableFile:
    if isinstance(given, pa.Table):
        return held_table(given, name, batch_rows=batch_rows)
    text = (model.columns.prediction_id, model.columns.group)
    return open_table(given, batch_rows=batch_rows, text=text)


def _context(
    given: Given, validation: TableFile, train: TableFile | None, stated: Mapping[str, Any], tell: Progress
) -> tuple[Context, RowDecoder]:
    model = given.model
    sampled = _sample(validation, model.audit.sample_rows, tell)
    sampled_train = None if train is None else _sample(train, model.audit.sample_rows, tell)
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
        fit_with=given.fit_with,
        seed=_SEED,
    )
    return context, decoder


def _sample(file: TableFile, size: int, tell: Progress) -> tuple[pa.Table, I64]:
    """A uniform sample of rows without replacement, in file order, and their numbers."""
    if file.n_rows <= size:
        chosen = np.arange(file.n_rows)
    else:
        chosen = np.sort(np.random.default_rng(_SEED).choice(file.n_rows, size, replace=False))
    parts, first = [], 0
    for table in file.batches(file.schema.names):
        begin, end = np.searchsorted(chosen, [first, first + table.num_rows])
        if end - begin == table.num_rows:
            parts.append(table)
        elif end > begin:
            parts.append(table.take(pa.array(chosen[begin:end] - first)))
        first += table.num_rows
        tell(first, file.n_rows, f"sampling {file.path.name}")
    return pa.concat_tables(parts).combine_chunks(), chosen


def _rows(file: TableFile, side: SideName, decoder: RowDecoder, tell: Progress) -> Iterator[AuditRows]:
    first = 0
    for table in file.batches(file.schema.names):
        yield decoder.decode(table, side, np.arange(first, first + table.num_rows))
        first += table.num_rows
        tell(first, file.n_rows, f"checking {file.path.name}")


class _SideTally:
    """What the report says of a file as a whole."""

    def __init__(self) -> None:
        self._n = self._n_outcomes = 0
        self._first, self._last = np.iinfo(np.int64).max, np.iinfo(np.int64).min

    def add(self, rows: AuditRows) -> None:
        self._n += len(rows)
        self._n_outcomes += int(np.isfinite(rows.outcomes).sum())
        known = rows.times[rows.times != BAD_TIME]
        if len(known):
            self._first = min(self._first, int(known.min()))
            self._last = max(self._last, int(known.max()))

    def side(self) -> Side:
        timed = self._first <= self._last
        return Side(
            n_rows=self._n,
            n_outcomes=self._n_outcomes,
            start=rfc3339(self._first) if timed else None,
            end=rfc3339(self._last) if timed else None,
        )
